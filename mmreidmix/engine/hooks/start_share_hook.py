"""A share of the start in the trained weights."""

import logging
from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmreidmix.checks import check_fraction
from mmreidmix.compat import is_resumed
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.models.weight_average import average_weights, take_encoder
from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class StartShareHook(Hook):
    """Mixes the start into the trained encoder, behind the last step.

    A start that knows many cameras loses some of that while it learns others.
    The mean of start and end keeps most of both: "Robust fine-tuning of
    zero-shot models", Wortsman et al., CVPR 2022, arXiv 2109.01903 (WiSE-FT).
    Weights and statistics of BatchNorm of the encoder that is tested become
    share * start + (1 - share) * end, before the last checkpoint is saved.
    ``tools/model_converters/average_checkpoints.py`` does the same to files.

    Args:
        share (float): of the start, in [0, 1). Defaults to 0.4.
    """

    # Behind the momentum encoder's step, before checkpoints.
    priority = 'BELOW_NORMAL'

    def __init__(self, share: float = 0.4):
        check_fraction(self, share=share)
        self.share = share
        self.start: dict[str, Tensor] = {}
        self.done = False

    def before_train(self, runner: Runner) -> None:
        """Keep the weights that training starts from."""
        if not (self.start or self.done):
            self.start = {
                name: value.clone()
                for name, value in _tested_encoder(runner).items()
            }

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Mix, behind the last step."""
        if self.done or runner.iter + 1 < runner.max_iters:
            return
        end = _tested_encoder(runner)
        mixed = average_weights(
            dict(end=end, start=self.start), [1 - self.share, self.share])
        for name, value in end.items():
            value.copy_(mixed[name])
        self.done = True
        runner.logger.info(f'The trained weights are {self.share:.0%} those '
                           'of the start')

    def after_train(self, runner: Runner) -> None:
        """Say so where training stopped early."""
        if not self.done:
            runner.logger.log(
                logging.WARNING,
                'training stopped before its last step: the weights have no '
                'share of the start. Average them with '
                'tools/model_converters/average_checkpoints.py')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the start for a resumed run, as long as it is needed."""
        if not self.done:
            checkpoint['start_weights'] = self.start

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take over the start of an interrupted run."""
        if not is_resumed(runner):
            return
        if 'start_weights' not in checkpoint:
            self.done = True
            runner.logger.log(
                logging.WARNING,
                'StartShareHook does nothing: the resumed checkpoint is of a '
                'finished training, or of one without this hook')
            return
        self.start = checkpoint['start_weights']


def _tested_encoder(runner: Runner) -> dict[str, Tensor]:
    """Weights and statistics of the encoder that is tested."""
    model = bare_model(runner)
    return take_encoder(model.state_dict(), model.inference)
