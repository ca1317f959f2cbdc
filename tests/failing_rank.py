"""A hook that ends the second process of a training in its second step."""

import os
import signal

from mmengine.dist import get_rank
from mmengine.hooks import Hook

from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class FailingRankHook(Hook):
    """Kill the process, or raise an error in it.

    Args:
        how (str): 'kill' or 'error'.
    """

    def __init__(self, how: str) -> None:
        self.how = how

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if get_rank() != 1 or runner.iter != 1:
            return
        if self.how == 'kill':
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError('a step that fails')
