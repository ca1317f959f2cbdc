"""The index of a gallery, loaded or built when it is needed."""

from pathlib import Path
from typing import Optional

from mmengine.logging import print_log

from .index import GalleryIndex
from .index_file import load_index, remove_index, save_index
from .state import GalleryState


class IndexKeeper:
    """Has the index ready that the state asks for.

    Args:
        state (GalleryState): of the gallery.
        folder (Path, optional): where the index files are.
        read_only (bool): whether they are left alone.
    """

    def __init__(self, state: GalleryState, folder: Optional[Path],
                 read_only: bool):
        self.state = state
        self.folder = folder
        self.read_only = read_only
        self._index = None
        self._written = 0  # rows that are in the files

    def get(self) -> Optional[GalleryIndex]:
        """The index, None where all images are compared."""
        kind, options = self.state.index['kind'], self.state.index['options']
        if kind == 'exact' or not self.state.rows.num_live:
            return None
        if self._index is None and self.folder is not None:
            self._index = load_index(
                self.folder, kind, options, self.state.rows.vectors)
            self._written = self._index.index.ntotal if self._index else 0
        if self._index is None:
            self._index = self.build(kind, options)
            self.write()
        return self._index

    def build(self, kind: str, options: dict) -> Optional[GalleryIndex]:
        """Make an index of all rows; the one that is there is not touched."""
        if kind == 'exact':
            return None
        rows = self.state.rows
        print_log(f'building the index {kind!r} of {len(rows):,} images',
                  'current')
        return GalleryIndex.build(kind, options, rows.vectors, rows.live)

    def put(self, setting: dict, index: Optional[GalleryIndex]) -> None:
        """Use another index, which the state asks for from now on."""
        self.state.index = setting
        self._index, self._written = index, 0
        if index is None and self.folder is not None:
            remove_index(self.folder)
        self.write()

    def tune(self, setting: dict) -> None:
        """Use the same index with other options of the search."""
        self.state.index = setting
        if self._index is not None:
            self._index.options = setting['options']

    def rebuild(self) -> None:
        """Make the index again, as rows have other positions now."""
        self.put(self.state.index, self.build(**self.state.index) if
                 self.state.rows.num_live else None)

    def write(self) -> None:
        """Bring the files up to date, if there are any."""
        if self.folder is None or self.read_only or self._index is None:
            return
        rows = self.state.rows
        if self._written < len(rows):
            self._index.extend(rows.vectors)
            save_index(self.folder, self._index, rows.vectors)
            self._written = len(rows)

    def copy_to(self, folder: Path) -> None:
        """Write the files to the folder of a copy without removed rows."""
        remove_index(folder)
        rows = self.state.rows
        if self._index is not None and rows.num_live == len(rows):
            self._index.extend(rows.vectors)
            save_index(folder, self._index, rows.vectors)

