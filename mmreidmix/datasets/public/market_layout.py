"""The three-folder layout that Market-1501 gave to many data sets."""

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar

from mmreidmix.datasets.file_names import list_names, parse_names

from ..reid_dataset import BaseReIDDataset, ReIDRecords


class MarketLayoutDataset(BaseReIDDataset):
    """Images in ``bounding_box_train``, ``query``, ``bounding_box_test``.

    A subclass sets the class attributes. Cameras are looked up in
    :attr:`camera_names` by number, so '01' and '1' are the same camera.
    """

    #: groups ``pid`` and ``cam``; matched against the whole base name
    pattern: ClassVar[re.Pattern]
    folders: ClassVar[dict[str, str]] = {
        'train': 'bounding_box_train',
        'query': 'query',
        'gallery': 'bounding_box_test'
    }

    def top_folders(self) -> Sequence[str]:
        """Folders below the data root where the three may lie."""
        raise NotImplementedError

    def load_records(self) -> ReIDRecords:
        """Read one folder, or all three."""
        return ReIDRecords.concat([self.read_part(p) for p in self.parts])

    def read_part(self, part: str) -> ReIDRecords:
        """Read the folder of 'train', 'query' or 'gallery'."""
        folder = self.find_folder(
            _join(top, self.folders[part]) for top in self.top_folders())
        names = list_names(self.data_root / folder)
        matches = parse_names(names, self.pattern, self.data_root / folder)
        return ReIDRecords.from_columns(
            [f'{folder}/{name}' for name in names],
            pids=[int(match['pid']) for match in matches],
            camids=self.camids_of((match['cam'] for match in matches),
                                  folder))

    def camids_of(self, tokens: Iterable[str], folder: str) -> list[int]:
        """Zero-based camera of each camera token.

        Raises:
            ValueError: If a token is none of the data set's cameras.
        """
        tokens = list(tokens)
        numbers = {int(name): i for i, name in enumerate(self.camera_names)}
        camid_of = {token: numbers.get(int(token)) for token in set(tokens)}
        strange = sorted(t for t, camid in camid_of.items() if camid is None)
        if strange:
            raise ValueError(
                f'{self.data_root / folder}: camera tokens {strange} are '
                f'none of {self.name}, which has '
                f'{", ".join(self.camera_names)}; this is another data set '
                'or release')
        return [camid_of[token] for token in tokens]


def numbered(count: int) -> tuple[str, ...]:
    """Camera names '1' to `count`."""
    return tuple(str(number) for number in range(1, count + 1))


def _join(top: str, folder: str) -> str:
    return folder if top == '.' else f'{top}/{folder}'
