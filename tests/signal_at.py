"""Import this from a config to have SignalAt."""

import os
import signal

from mmengine.dist import get_rank
from mmengine.hooks import Hook

from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class SignalAt(Hook):
    """Sends SIGTERM to one process in an iteration."""

    def __init__(self, iteration, rank=0):
        self.place = iteration, rank

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if self.place == (runner.iter + 1, get_rank()):
            os.kill(os.getpid(), signal.SIGTERM)
