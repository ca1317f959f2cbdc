"""A training whose loss is NaN or infinite is stopped."""

import math
from typing import Optional

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Raises at the first loss that is NaN or infinite.

    Raises:
        FloatingPointError: with every loss term and the images of the batch.
    """

    priority = 'VERY_LOW'

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Check the losses of this iteration."""
        values = {name: float(value) for name, value in outputs.items()}
        if all(map(math.isfinite, values.values())):
            return
        samples = data_batch['data_samples']
        indices = [sample.index for sample in samples]
        paths = [sample.img_path for sample in samples]
        message = (
            f'loss is not finite in epoch {runner.epoch + 1}, iteration '
            f'{batch_idx + 1}: {values}. Image indices of the batch: '
            f'{indices}. First images: {paths[:3]}. Lower the learning rate, '
            'set optim_wrapper.clip_grad, or look at these images; the last '
            f'checkpoint in {runner.work_dir} is from before it')
        runner.logger.error(message)
        raise FloatingPointError(message)
