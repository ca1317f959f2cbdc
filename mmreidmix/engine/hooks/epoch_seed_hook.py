"""Random states that do not depend on what ran before."""

from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds Python, NumPy and torch at the start of each epoch.

    The random state of an epoch follows from the seed of the run and the
    epoch, which are in the checkpoint, not from what ran in between (a
    validation, a clustering, a restart).
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed this process."""
        seed = (runner.seed + 1_000_003 * (runner.epoch + 1)) % 2**31
        set_random_seed(seed, diff_rank_seed=True)
