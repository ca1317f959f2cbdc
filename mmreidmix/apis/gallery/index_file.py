"""Index files of a gallery: derived data that can always be made anew.

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
from .records import checksum
from .vectors import Vectors

_CHUNK = 1 << 20


class _StaleError(Exception):
    """The files do not belong to these rows."""


def save_index(folder: Path, index: GalleryIndex, vectors: Vectors) -> None:
    """Write the files; that it failed is logged, and nothing is lost by it.

    Args:
        folder (Path): of the gallery.
        index (GalleryIndex): of all the vectors.
        vectors (Vectors): N of length 1.
    """
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


def remove_index(folder: Path) -> None:
    """Delete the files."""
    for name in ('index.json', 'index.faiss'):
        (folder / name).unlink(missing_ok=True)


def load_index(folder: Path, kind: str, options: dict,
               vectors: Vectors) -> Optional[GalleryIndex]:
    """Read the files, if they are whole and of these rows.

    Args:
        folder (Path): of the gallery.
        kind (str): the index that is wanted.
        options (dict): of it.
        vectors (Vectors): those it must be of; it may lack the last ones.

    Returns:
        GalleryIndex: None if it has to be built; why is logged.
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
