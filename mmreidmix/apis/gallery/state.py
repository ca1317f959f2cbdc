"""What the records in the file of a gallery mean."""

from collections.abc import Iterator, Sequence
from typing import Optional

import numpy as np

from mmreidmix.checks import check_count

from .image_table import META, ImageTable
from .log_records import GalleryError, Record

_VERSION = 1
# Images of one record when a whole gallery is written.
_RECORD_ROWS = 1 << 14


class GalleryState:
    """All of a gallery that outlasts the process.

    ``dim`` and ``model`` are those of :class:`Gallery`. ``index`` holds the
    ``kind`` and ``options`` of the index that was asked for; the index itself
    can be made of these and the images.

    Raises:
        ValueError: dim is not positive.
    """

    def __init__(self, dim: int, model: Optional[str] = None):
        check_count('Gallery', 1, dim=dim)
        self.dim = int(dim)
        self.model = model
        self.images = ImageTable(self.dim)
        self.index: dict = dict(kind='exact', options={})

    def records(self) -> Iterator[Record]:
        """Yield the records that :class:`StateReader` understands."""
        images = self.images
        yield dict(kind='gallery', version=_VERSION, dim=self.dim,
                   model=self.model, next_id=images.next_id), []
        yield index_record(self.index)
        live = np.flatnonzero(images.live)
        for first in range(0, len(live), _RECORD_ROWS):
            part = live[first:first + _RECORD_ROWS]
            yield add_record([images.names[i] for i in part],
                             images.meta[part], [images.vectors.take(part)])


def add_record(names: Sequence[str], meta: np.ndarray,
               vectors: Sequence[np.ndarray]) -> Record:
    """The record of added images."""
    return dict(kind='add', names=names), [meta, *vectors]


def remove_record(ids: np.ndarray) -> Record:
    """The record of removed images."""
    return dict(kind='remove'), [ids]


def index_record(setting: dict) -> Record:
    """The record of the index that is asked for."""
    return dict(kind='index', setting=setting), []


class StateReader:
    """Makes a :class:`GalleryState` of records; ``state`` is None before."""

    def __init__(self) -> None:
        self.state: Optional[GalleryState] = None
        self._array = np.empty(0, META)

    def allocate(self, header: dict, size: int) -> list[np.ndarray]:
        """Arrays for the ``size`` bytes of a payload, if they fit."""
        kind = header.get('kind')
        if kind == 'remove':
            self._array = np.empty(size // 8, '<i8')
            return [self._array]
        if kind != 'add' or self.state is None:
            return []
        num = len(header['names'])
        if size != num * (META.itemsize + 4 * self.state.dim):
            return []
        self._array = np.empty(num, META)
        return [self._array, *self.state.images.vectors.reserve(num)]

    def apply(self, header: dict) -> None:
        """Do what a record says.

        Raises:
            ValueError: it cannot follow those before it.
            GalleryError: it is from a later version.
        """
        kind, state = header.get('kind'), self.state
        if (kind == 'gallery') != (state is None):
            raise ValueError(f'a record of kind {kind!r} does not belong here')
        if state is None:
            if header['version'] > _VERSION:
                raise GalleryError('the gallery was written by a later '
                                   'version of mmreidmix: install that one')
            self.state = GalleryState(header['dim'], header['model'])
            self.state.images.next_id = header['next_id']
        elif kind == 'add':
            state.images.append(self._array, header['names'])
        elif kind == 'remove':
            positions = state.images.positions(self._array)
            if (positions < 0).any():
                raise ValueError('a removed image is not there')
            state.images.remove(positions)
        elif kind == 'index':
            state.index = header['setting']
        else:
            raise ValueError(f'a record of the unknown kind {kind!r}')
