"""A checkpoint that does not hold the model's embedding is refused."""

from collections.abc import Mapping
from typing import Optional

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from mmreidmix.models.weights import unwrap_state_dict
from mmreidmix.results.checkpoint_rule import checkpoint_rule

# Heads may differ from the checkpoint's; a fresh BNNeck changes nothing.
NEEDED_PARTS = ('backbone.', 'neck.', 'attention.')


class CheckWeightsHook(Hook):
    """Stop when the checkpoint does not hold the model's embedding.

    MMEngine logs such a difference and goes on with random weights.

    Args:
        stated_rule (str, optional): how the user says that the checkpoint
            was chosen.

    Attributes:
        rule (str): how it was chosen.
        seed (int, optional): of the training.
        method_sha256 (str, optional): of the config of the training.
    """

    priority = 'LOWEST'

    def __init__(self, stated_rule: Optional[str] = None):
        self.stated_rule = stated_rule
        self.rule = 'untrained'
        self.seed = None
        self.method_sha256 = None

    def after_load_checkpoint(self, runner, checkpoint):
        """Compare names and shapes; read the meta data."""
        self.read_meta(checkpoint.get('meta') or {}, runner._load_from,
                       runner.cfg)
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        check_embedding_weights(model, unwrap_state_dict(checkpoint),
                                runner._load_from)

    def read_meta(self, meta: Mapping, file: str, cfg: Config) -> None:
        """Keep what is said of the training.

        Args:
            meta (Mapping): of the checkpoint.
            file (str): it.
            cfg (Config): of the test.
        """
        self.seed = meta.get('seed')
        self.method_sha256 = meta.get('method_sha256')
        self.rule = checkpoint_rule(file, meta, cfg.to_dict(),
                                    self.stated_rule)


def check_embedding_weights(model: nn.Module, weights: Mapping,
                            path: str) -> None:
    """Compare the weights of backbone and neck with those of a file.

    Args:
        model (nn.Module): the model.
        weights (Mapping[str, Tensor]): state dict of the file.
        path (str): of the file, for the message.

    Raises:
        ValueError: some are absent or differ in shape.
    """
    missing = [
        key for key, value in model.state_dict().items()
        if key.startswith(NEEDED_PARTS) and not _fits(
            key, value, weights.get(key))
    ]
    if missing:
        raise ValueError(
            f'{path} does not fit the model: {len(missing)} tensors of '
            'backbone and neck are absent or differ in shape, such as '
            f'{missing[:3]}; use it with the config it was trained with, or '
            'convert it (tools/model_converters)')


def _fits(key: str, value, weight) -> bool:
    if weight is None:
        return key.endswith('num_batches_tracked')  # not used in a test
    # MMPretrain resizes position embeddings while loading.
    return weight.shape == value.shape or key.endswith('pos_embed')
