"""How long forward and backward take."""

import time
from typing import Any, Optional

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.checks import check_count
from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class StepTimeHook(Hook):
    """Logs ``forward_time`` and ``backward_time`` (with update), in seconds.

    MMEngine logs ``data_time`` and ``time``. On a GPU, only every
    ``interval``-th iteration waits for the device and is recorded.

    Args:
        interval (int): iterations between two measurements on a GPU.
    """

    priority = 'VERY_HIGH'

    def __init__(self, interval: int = 10):
        check_count(self, 1, interval=interval)
        self.interval = interval
        self.measuring = False

    def before_train(self, runner: Runner) -> None:
        """Register a hook at the end of the forward pass."""
        self.handle = runner.model.register_forward_hook(self._forward_ended)

    def after_train(self, runner: Runner) -> None:
        """Remove that hook."""
        self.handle.remove()

    def before_train_iter(self, runner: Runner, batch_idx: int,
                          data_batch: Optional[dict] = None) -> None:
        """Start the clock."""
        gpu = torch.cuda.is_available()
        self.measuring = not gpu or batch_idx % self.interval == 0
        self.start = self._now()
        self.forward_end: Optional[float] = None

    def _forward_ended(self, *args: Any) -> None:
        self.forward_end = self._now()

    def _now(self) -> float:
        if self.measuring and torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Record both times."""
        if not self.measuring or self.forward_end is None:
            return
        end = self._now()
        hub = runner.message_hub
        hub.update_scalar('train/forward_time', self.forward_end - self.start)
        hub.update_scalar('train/backward_time', end - self.forward_end)
