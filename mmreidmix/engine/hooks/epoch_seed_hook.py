"""Random states that a resumed run finds again."""

from mmengine.hooks import Hook
from mmengine.runner import set_random_seed

from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds Python, NumPy and torch at the start of each epoch.

    The random state of an epoch becomes a function of the run's seed and the
    epoch, both of which are in the checkpoint; what ran in between (a
    validation, a clustering, a restart) leaves no trace in it.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner) -> None:
        """Seed this process."""
        seed = (runner.seed + 1_000_003 * (runner.epoch + 1)) % 2**31
        set_random_seed(seed, diff_rank_seed=True)
