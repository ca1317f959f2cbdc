"""Checkpoints of a test: weights compared, meta data read."""

from collections.abc import Mapping
from typing import Optional

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.compat import loaded_file
from mmreidmix.config_text import parse_config, tells_of_training
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.models.weights import (
    check_embedding_weights,
    unwrap_state_dict,
)
from mmreidmix.registry import HOOKS
from mmreidmix.results.checkpoint_selection import selection_rule


@HOOKS.register_module()
class CheckWeightsHook(Hook):
    """Raises where the checkpoint does not hold the model's embedding.

    MMEngine logs such a difference and continues with random weights.

    Args:
        stated_rule (str, optional): how the user says that the checkpoint
            was chosen.

    Attributes:
        rule (str): how the checkpoint was chosen.
        seed (int, optional): seed of the training.
        method_sha256 (str, optional): hash of the config of the training.
        training (dict, optional): the config of the training, where the
            checkpoint carries it.
        start (dict, optional): what the training started from, see
            :class:`StartEvaluationHook`.
    """

    priority = 'LOWEST'

    def __init__(self, stated_rule: Optional[str] = None):
        self.stated_rule = stated_rule
        self.rule = 'untrained'
        self.seed: Optional[int] = None
        self.method_sha256: Optional[str] = None
        self.training: Optional[dict] = None
        self.start: Optional[dict] = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes; read the meta data."""
        file = loaded_file(runner)
        self.read_meta(checkpoint.get('meta') or {}, file, runner.cfg)
        self.start = checkpoint.get('start')
        check_embedding_weights(
            bare_model(runner), unwrap_state_dict(checkpoint), file)

    def read_meta(self, meta: Mapping, file: str, cfg: Config) -> None:
        """Set the attributes from the meta data of a checkpoint file.

        ``cfg`` is the config of the test, which counts where the checkpoint
        does not carry its own.
        """
        self.seed = meta.get('seed')
        self.method_sha256 = meta.get('method_sha256')
        text = meta.get('cfg')
        stored = parse_config(text) if isinstance(text, str) else {}
        if tells_of_training(stored):
            self.training = stored
        self.rule = selection_rule(
            file, meta, self.training or cfg.to_dict(), self.stated_rule)
