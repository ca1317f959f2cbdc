"""Signals that end a training, with a checkpoint to go on from."""

import os
import signal
import threading
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Optional

import torch
from mmengine.dist import (
    all_gather_object,
    all_reduce,
    all_reduce_params,
    is_distributed,
    is_main_process,
)
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.engine.epoch_loop import ResumableEpochLoop
from mmreidmix.engine.random_state import random_state
from mmreidmix.engine.stop_signals import STOP_SIGNALS, outlive_signal
from mmreidmix.files import replace_file
from mmreidmix.registry import HOOKS

#: Iterations between two questions to the other processes, on GPUs, where a
#: question waits for the device.
GPU_INTERVAL = 10
_NOTE = (b'\nmmreidmix: the training stops behind the running step, with a '
         b'checkpoint. A second signal stops it at once, without one.\n')


@HOOKS.register_module()
class StopHook(Hook):
    """Ends a training at a signal: iteration, checkpoint, exit status.

    The status is 128 + number of the signal (143 for SIGTERM, 130 for
    SIGINT), as if it had killed the process. The checkpoint is named
    ``iter_<iterations>.pth``; ``--resume`` goes on with the next batch. A
    signal to one of several processes stops them all. One that comes during a
    validation or a clustering is answered behind it, or at the first
    iteration.

    Raises:
        TypeError: the loop is no :class:`ResumableEpochLoop`.
        SystemExit: a signal came.
    """

    # Behind all that changes what a checkpoint holds.
    priority = 'LOWEST'

    def __init__(self) -> None:
        self.number = 0
        self.previous: dict[int, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Listen; signals reach the main thread alone."""
        if not isinstance(runner.train_loop, ResumableEpochLoop):
            raise TypeError(
                'StopHook writes checkpoints inside an epoch, which '
                f'{type(runner.train_loop).__name__} can not resume: set '
                "train_cfg.type='ResumableEpochLoop', or "
                'default_hooks.stop=None')
        if threading.current_thread() is not threading.main_thread():
            return
        self.number = 0
        for number in STOP_SIGNALS:
            self.previous[number] = signal.signal(number, self._receive)
        for loop in (runner.train_loop, runner.val_loop):
            if loop is not None:
                loop.dataloader.worker_init_fn = partial(
                    outlive_signal, init=loop.dataloader.worker_init_fn)

    def after_train(self, runner: Runner) -> None:
        """Leave signals to who had them before."""
        self._restore()

    def before_train_epoch(self, runner: Runner) -> None:
        """Stop between two epochs."""
        number = self._asked()
        if number:
            self._stop(runner, number, runner.iter)

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Stop behind an iteration that changed the weights."""
        gpus = is_distributed() and torch.cuda.is_available()
        if gpus and (batch_idx + 1) % GPU_INTERVAL:
            return
        number = self._asked()
        if number and runner.optim_wrapper.should_update():
            self._stop(runner, number, runner.iter + 1)

    def _receive(self, number: int, frame: Optional[FrameType]) -> None:
        self.number = number
        self._restore()
        os.write(2, _NOTE)

    def _restore(self) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)
        self.previous = {}

    def _asked(self) -> int:
        """Signal that any process got; 0 for none."""
        if not is_distributed():
            return self.number
        number = torch.tensor(self.number)
        all_reduce(number, 'max')
        return int(number)

    def _stop(self, runner: Runner, number: int, iterations: int) -> None:
        if is_distributed():
            # As SyncBuffersHook does at the end of an epoch.
            all_reduce_params(runner.model.buffers(), op='mean')
        # A resumed run may be stopped before it has taken its state over.
        runner.train_loop.random_states = all_gather_object(
            runner.train_loop.random_state or random_state())
        name = f'iter_{iterations}.pth'
        runner.save_checkpoint(
            runner.work_dir, name, by_epoch=False,
            meta=dict(epoch=runner.epoch, iter=iterations))
        path = str(Path(runner.work_dir, name))
        if is_main_process():
            replace_file(
                Path(runner.work_dir, 'last_checkpoint'),
                lambda file: file.write(path.encode()))
        runner.logger.warning(
            f'{signal.Signals(number).name}: stopped at iteration '
            f'{iterations}, in epoch {runner.epoch + 1}. Go on with '
            f'--resume, from {path}')
        raise SystemExit(128 + number)
