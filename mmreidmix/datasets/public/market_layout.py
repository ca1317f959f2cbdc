"""The three-folder layout that Market-1501 gave to many data sets."""

from collections.abc import Sequence
from typing import ClassVar

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset, pid_group


class MarketLayoutDataset(FolderDataset):
    """Images in ``bounding_box_train``, ``query``, ``bounding_box_test``.

    A subclass sets the class attributes. :attr:`pattern` has the groups
    ``pid`` and ``cam``. Cameras are looked up in :attr:`camera_names` by
    number, so '01' and '1' are the same camera.
    """

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
        folder = self.folders[part]
        paths, matches = self.match_folder(
            folder if top == '.' else f'{top}/{folder}'
            for top in self.top_folders())
        return ReIDRecords.from_columns(
            paths, [pid_group(match) for match in matches],
            self.camids_of((str(int(match['cam'])) for match in matches),
                           f'{part} in {self.data_root}'))
