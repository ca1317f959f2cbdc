"""Epochs that a training can be resumed in the middle of."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Optional

from mmengine.runner import EpochBasedTrainLoop, Runner

from mmreidmix.engine.random_state import set_random_state
from mmreidmix.registry import LOOPS


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """MMEngine's loop, which also knows how many batches of an epoch are done.

    A checkpoint from inside an epoch is resumed with the next batch:
    ``EpochSeedHook`` saves and restores :attr:`batches_done`, the other hooks
    save what is computed at the start of an epoch.

    Args: see MMEngine's ``EpochBasedTrainLoop``.

    Attributes:
        batches_done (int): batches of the running epoch that were trained,
            that of a running ``after_train_iter`` included; 0 between two
            epochs.
        random_state (Mapping, optional): that of this process behind these
            batches, out of a checkpoint.
        random_states (list[Mapping]): those of all processes, for a
            checkpoint: only the main process writes it.
    """

    batches_done = 0
    random_state: Optional[Mapping] = None
    random_states: Sequence[Mapping] = ()

    def run_epoch(self) -> None:
        """Train the batches of an epoch that are not done yet."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        batches = self._batches(self.batches_done)  # draws a random number
        if self.random_state is not None:
            set_random_state(self.random_state)
            self.random_state = None
        for idx, data_batch in batches:
            self.run_iter(idx, data_batch)
        self.batches_done = 0
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Train a batch."""
        self.batches_done = idx + 1
        super().run_iter(idx, data_batch)

    def _batches(self, first: int) -> Iterator[tuple[int, Any]]:
        sampler = self.dataloader.batch_sampler
        if hasattr(sampler, 'first_batch'):
            sampler.first_batch = first
            return enumerate(self.dataloader, first)
        # Any other sampler: the batches before are loaded for nothing.
        return islice(enumerate(self.dataloader), first, None)


def inside_epoch(runner: Runner) -> int:
    """Batches of the running epoch that are done; 0 between two epochs."""
    return getattr(runner.train_loop, 'batches_done', 0)
