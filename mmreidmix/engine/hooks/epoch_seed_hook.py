"""Random states that do not depend on what ran before."""

from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner, set_random_seed

from mmreidmix.compat import is_resumed
from mmreidmix.engine.epoch_loop import inside_epoch
from mmreidmix.engine.random_state import random_state
from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds Python, NumPy and torch at the start of each epoch.

    The random state of an epoch follows from the seed of the run and the
    epoch, which are in the checkpoint, not from what ran in between (a
    validation, a clustering, a restart). A checkpoint from inside an epoch
    has the number of its batches that are done, and the random states, as
    well.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed this process."""
        seed = (runner.seed + 1_000_003 * (runner.epoch + 1)) % 2**31
        set_random_seed(seed, diff_rank_seed=True)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the place in the epoch."""
        if inside_epoch(runner):
            checkpoint['inside_epoch'] = dict(
                batches=inside_epoch(runner),
                random_states=(runner.train_loop.random_states
                               or [random_state()]))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Go on inside the epoch."""
        saved = checkpoint.get('inside_epoch')
        if not is_resumed(runner) or not saved:
            return
        runner.train_loop.batches_done = saved['batches']
        # With another number of processes nobody's state fits.
        if len(saved['random_states']) == get_world_size():
            runner.train_loop.random_state = saved['random_states'][get_rank()]
