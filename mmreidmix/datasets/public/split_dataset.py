"""Small sets that are tested on the mean of ten random splits."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, ClassVar, Optional

import numpy as np

from mmreidmix.checks import check_choice

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset

NUM_SPLITS = 10


class SplitDataset(FolderDataset):
    """A set with ten splits into training and test identities.

    Published splits were mostly drawn without a seed on the machine of whoever
    ran the code. Here a split is the order of SHA-256 hashes
    (:func:`hashed_order`): the same for ever, whatever the version of a
    library, and no file to pass on.

    A subclass sets :attr:`set_name` and :attr:`sizes` and implements
    :meth:`read_images`. The canonical name is '<set_name>-<split>', and
    '<set_name>-all' of everything joined.

    Args:
        split (int): 0 to 9.
        **kwargs: see :class:`BaseReIDDataset`.
    """

    set_name: ClassVar[str]
    #: subset -> images, identities, cameras (None: they vary with the split)
    sizes: ClassVar[dict[str, tuple[int, int, Optional[int]]]]

    def __init__(self, *args: Any, split: int = 0, **kwargs: Any):
        check_choice(self, range(NUM_SPLITS), split=split)
        self.split = split
        super().__init__(*args, **kwargs)

    @property
    def canonical_name(self) -> str:
        """Name with the split."""
        part = 'all' if self.subset == 'all' else self.split
        return f'{self.set_name}-{part}'

    @property
    def expected(self) -> dict[str, tuple[int, int, int]]:
        """The sizes, with the cameras found where they vary."""
        found = len(np.unique(self.records.camids))
        return {
            subset: (images, ids, found if cameras is None else cameras)
            for subset, (images, ids, cameras) in self.sizes.items()
        }

    def load_records(self) -> ReIDRecords:
        """Read the images, then pick those of the split and subset."""
        records = self.read_images()
        if self.subset == 'all':
            return records
        trained = np.isin(records.pids, self.train_pids(records.pids))
        if self.subset == 'train':
            return records.select(trained)
        return self.select_test(records.select(~trained))

    def read_images(self) -> ReIDRecords:
        """Read all images, or at least those of the subset."""
        raise NotImplementedError

    def read_cameras(self, top: str, *folders: str) -> ReIDRecords:
        """Read a folder of each camera; they may lie in the folder ``top``."""
        return ReIDRecords.concat([
            self.read_folder((f'{top}/{folder}', folder),
                             camid=lambda match, camid=camid: camid)
            for camid, folder in enumerate(folders)])

    def train_pids(self, pids: np.ndarray) -> list[int]:
        """Training identities of the split: by default the first half."""
        return self.halves(pids)[0]

    def select_test(self, records: ReIDRecords) -> ReIDRecords:
        """Query or gallery of the images that are not for training.

        By default the query is camera 0 and the gallery camera 1.
        """
        return records.select(records.camids == (self.subset == 'gallery'))

    def halves(self, pids: np.ndarray) -> tuple[list[int], list[int]]:
        """Training and test identities; the odd one is for the test."""
        order = hashed_order(pids.tolist(),
                             f'{self.set_name}/{self.split}/pid')
        return order[:len(order) // 2], order[len(order) // 2:]


def hashed_order(items: Iterable, key: str) -> list:
    """Items sorted by the SHA-256 of the text '<key>/<item>'.

    A random order that depends on nothing but the key and the items; adding
    an item does not change the order of the others.
    """
    return sorted(set(items), key=lambda item: sha256(
        f'{key}/{item}'.encode()).digest())
