"""The index of a gallery and its files, which can always be made anew.

``index.faiss`` is what faiss writes; ``index.json`` says of which images it
was made and holds the checksum that is compared before faiss reads a byte.
"""

import json
import logging
import zlib
from pathlib import Path
from typing import BinaryIO, Optional

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

    The files are in ``folder``, and left alone if that is read-only.
    """

    def __init__(self, state: GalleryState, folder: Optional[Path],
                 read_only: bool):
        self.state = state
        self.folder = folder
        self.read_only = read_only
        self._index: Optional[GalleryIndex] = None
        self._written = 0  # images that are in the files

    def get(self) -> Optional[GalleryIndex]:
        """The index, None where all images are compared."""
        kind, options = self.state.index['kind'], self.state.index['options']
        if kind == 'exact' or not self.state.images.num_live:
            return None
        if self._index is None and self.folder is not None:
            self._load(self.folder, kind, options)
        if self._index is None:
            self._index = self.build(kind, options)
            self.write()
        return self._index

    def _load(self, folder: Path, kind: str, options: dict) -> None:
        """Read the files, if they are whole and of the images; else log why.

        More images may have been added since they were written.
        """
        try:
            index = _read(folder, _build_setting(kind, options),
                          self.state.images.vectors)
        except Exception as error:  # whatever damage may raise
            print_log(f'the index of {folder} is built anew: {error}',
                      'current', logging.WARNING)
            return
        self._index = GalleryIndex(kind, options, index)
        self._written = index.ntotal

    def build(self, kind: str, options: dict) -> Optional[GalleryIndex]:
        """Make an index of all images; the present one is not touched."""
        if kind == 'exact':
            return None
        images = self.state.images
        print_log(f'building the index {kind!r} of {len(images):,} images',
                  'current')
        return GalleryIndex.build(kind, options, images.vectors, images.live)

    def put(self, setting: dict, index: Optional[GalleryIndex]) -> None:
        """Use another index, which the state asks for from now on."""
        self.state.index = setting
        self.forget()
        self._index = index

    def tune(self, setting: dict) -> None:
        """Use the same index with other search options."""
        self.state.index = setting
        if self._index is not None:
            self._index.options = setting['options']

    def forget(self) -> None:
        """Drop the index and its files: images get other positions."""
        self._index, self._written = None, 0
        if self.folder is not None:
            _remove(self.folder)

    def rebuild(self) -> None:
        """Make the index again that was forgotten."""
        if self.state.images.num_live:
            self._index = self.build(**self.state.index)
            self.write()

    def write(self) -> None:
        """Bring the files up to date, if there are any."""
        if self.folder is None or self.read_only or self._index is None:
            return
        images = self.state.images
        if self._written < len(images):
            _save(self.folder, self._index, images.vectors)
            self._written = len(images)

    def copy_to(self, folder: Path) -> None:
        """Write the files to the folder of a copy without removed images."""
        _remove(folder)
        images = self.state.images
        if self._index is not None and images.num_live == len(images):
            _save(folder, self._index, images.vectors)


def _save(folder: Path, index: GalleryIndex, vectors: Vectors) -> None:
    """Write the files; that it failed is logged, and nothing is lost by it."""
    index.extend(vectors)
    crc = 0

    def write(stream: BinaryIO) -> None:
        def write_part(data):
            nonlocal crc
            crc = zlib.crc32(data, crc)
            return stream.write(data)

        faiss.write_index(index.index, faiss.PyCallbackIOWriter(write_part))

    try:
        replace_file(folder / 'index.faiss', write)
        text = json.dumps(dict(
            _build_setting(index.kind, index.options), dim=vectors.dim,
            rows=len(vectors), rows_crc32=_vectors_crc(vectors, len(vectors)),
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


def _build_setting(kind: str, options: dict) -> dict:
    """What decides how the index was built."""
    return dict(kind=kind, options={
        name: value for name, value in options.items()
        if name != SEARCH_OPTIONS[kind]})


def _read(folder: Path, setting: dict, vectors: Vectors) -> faiss.Index:
    path = folder / 'index.faiss'
    stored = json.loads((folder / 'index.json').read_text())
    for key, value in dict(setting, dim=vectors.dim).items():
        if stored[key] != value:
            raise ValueError(f'{path} has {key} {stored[key]}, the gallery '
                             f'{value}')
    if not 0 < stored['rows'] <= len(vectors) or (
            _vectors_crc(vectors, stored['rows']) != stored['rows_crc32']):
        raise ValueError(f'{path} was made of other images')
    if (path.stat().st_size, _file_crc(path)) != (
            stored['bytes'], stored['file_crc32']):
        raise ValueError(f'{path} is damaged: its checksum is wrong')
    index = faiss.read_index(str(path))
    if (index.d, index.ntotal) != (vectors.dim, stored['rows']):
        raise ValueError(f'{path} holds {index.ntotal} vectors of {index.d} '
                         'dimensions')
    return index


def _vectors_crc(vectors: Vectors, num: int) -> int:
    return checksum(block[:max(0, num - first)]
                    for first, block in vectors.blocks())


def _file_crc(path: Path) -> int:
    crc = 0
    with open(path, 'rb') as stream:
        for part in iter(lambda: stream.read(_CHUNK), b''):
            crc = zlib.crc32(part, crc)
    return crc
