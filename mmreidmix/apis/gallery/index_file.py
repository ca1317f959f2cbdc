"""The index of a gallery and its files, which can always be made anew.

``index.faiss`` is what faiss writes; ``index.json`` says of which rows it was
made and holds the checksum that is compared before faiss reads a byte.
"""

import json
import logging
import zlib
from pathlib import Path
from typing import Optional

import faiss
from mmengine.logging import print_log

from mmreidmix.files import replace_file

from .index import SEARCH_OPTIONS, GalleryIndex
from .log_records import checksum
from .state import GalleryState
from .vectors import Vectors

_CHUNK = 1 << 20


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
            self._index = _load(
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
        self.forget()
        self._index = index

    def tune(self, setting: dict) -> None:
        """Use the same index with other options of the search."""
        self.state.index = setting
        if self._index is not None:
            self._index.options = setting['options']

    def forget(self) -> None:
        """Drop the index and its files: rows get other positions."""
        self._index, self._written = None, 0
        if self.folder is not None:
            _remove(self.folder)

    def rebuild(self) -> None:
        """Make the index again that was forgotten."""
        if self.state.rows.num_live:
            self._index = self.build(**self.state.index)
            self.write()

    def write(self) -> None:
        """Bring the files up to date, if there are any."""
        if self.folder is None or self.read_only or self._index is None:
            return
        rows = self.state.rows
        if self._written < len(rows):
            self._index.extend(rows.vectors)
            _save(self.folder, self._index, rows.vectors)
            self._written = len(rows)

    def copy_to(self, folder: Path) -> None:
        """Write the files to the folder of a copy without removed rows."""
        _remove(folder)
        rows = self.state.rows
        if self._index is not None and rows.num_live == len(rows):
            self._index.extend(rows.vectors)
            _save(folder, self._index, rows.vectors)


class _StaleError(Exception):
    """The files do not belong to these rows."""


def _save(folder: Path, index: GalleryIndex, vectors: Vectors) -> None:
    """Write the files; that it failed is logged, and nothing is lost by it."""
    crc = 0

    def write(stream):
        def take(data):
            nonlocal crc
            crc = zlib.crc32(data, crc)
            return stream.write(data)

        faiss.write_index(index.index, faiss.PyCallbackIOWriter(take))

    try:
        replace_file(folder / 'index.faiss', write)
        text = json.dumps(dict(
            _of(index.kind, index.options), dim=vectors.dim,
            rows=len(vectors), rows_crc32=_rows_crc(vectors, len(vectors)),
            bytes=(folder / 'index.faiss').stat().st_size, file_crc32=crc))
        replace_file(folder / 'index.json',
                     lambda stream: stream.write(text.encode()))
    except OSError as error:
        print_log(
            f'the index of {folder} could not be written and will be built '
            f'again when the gallery is opened: {error}', 'current',
            logging.WARNING)


def _remove(folder: Path) -> None:
    for name in ('index.json', 'index.faiss'):
        (folder / name).unlink(missing_ok=True)


def _load(folder: Path, kind: str, options: dict,
          vectors: Vectors) -> Optional[GalleryIndex]:
    """Read the files, if they are whole and of these rows.

    ``vectors`` may go on after those of the files. None if the index has to
    be built; why is logged.
    """
    try:
        loaded = _read(folder, _of(kind, options), vectors)
    except Exception as error:  # whatever damage may raise
        print_log(f'the index of {folder} is built anew: {error}', 'current',
                  logging.WARNING)
        return None
    return GalleryIndex(kind, options, loaded)


def _of(kind, options):
    """What decides how the index was built."""
    return dict(kind=kind, options={
        name: value for name, value in options.items()
        if name != SEARCH_OPTIONS[kind]})


def _read(folder, wanted, vectors):
    path = folder / 'index.faiss'
    about = json.loads((folder / 'index.json').read_text())
    wanted = dict(wanted, dim=vectors.dim)
    for key, value in wanted.items():
        if about[key] != value:
            raise _StaleError(f'{path} has {key} {about[key]}, the gallery '
                              f'{value}')
    if not 0 < about['rows'] <= len(vectors) or (
            _rows_crc(vectors, about['rows']) != about['rows_crc32']):
        raise _StaleError(f'{path} was made of other rows')
    if (path.stat().st_size, _file_crc(path)) != (
            about['bytes'], about['file_crc32']):
        raise _StaleError(f'{path} is damaged: its checksum is wrong')
    index = faiss.read_index(str(path))
    if (index.d, index.ntotal) != (vectors.dim, about['rows']):
        raise _StaleError(f'{path} holds {index.ntotal} vectors of '
                          f'{index.d} dimensions')
    return index


def _rows_crc(vectors, num):
    return checksum(block[:max(0, num - first)]
                    for first, block in vectors.blocks())


def _file_crc(path):
    crc = 0
    with open(path, 'rb') as stream:
        for part in iter(lambda: stream.read(_CHUNK), b''):
            crc = zlib.crc32(part, crc)
    return crc
