"""The momentum encoder: moved after each step."""

from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.engine.unwrap import bare_model
from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class MomentumEncoderHook(Hook):
    """Lets the momentum encoder follow after each step of the optimizer.

    A model without one is left alone.
    """

    provides = 'momentum_encoder'

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Take one step towards the encoder."""
        model = bare_model(runner)
        if model.momentum_encoder is not None and (
                runner.optim_wrapper.should_update()):
            model.momentum_encoder.update(model)
