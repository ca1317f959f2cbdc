"""The moments of the optimizer: cleared before each epoch."""

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.checks import check_count
from mmreidmix.engine.unwrap import optimizer_state, single_optim_wrappers
from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class ResetOptimizerHook(Hook):
    """Clears the optimizers' moments at the start of each epoch.

    The released DomainMix builds its Adam optimizers anew in every epoch of
    its second phase.

    Args:
        begin (int): first epoch (zero-based) that starts with a reset.
    """

    def __init__(self, begin: int = 0):
        check_count(self, 0, begin=begin)
        self.begin = begin

    def before_train_epoch(self, runner: Runner) -> None:
        """Clear the moments."""
        if runner.epoch >= self.begin:
            for wrapper in single_optim_wrappers(runner):
                optimizer_state(wrapper).clear()
