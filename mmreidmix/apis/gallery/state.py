"""What the records in the file of a gallery mean."""

import operator
from collections.abc import Iterator
from typing import Optional

import numpy as np

from .log_records import GalleryError
from .memory_table import META, Rows

_VERSION = 1
# Images of one record when a whole gallery is written.
_RECORD_ROWS = 1 << 14


class GalleryState:
    """All of a gallery that outlasts the process.

    Attributes:
        rows (Rows): the images.
        index (dict): ``kind`` and ``options`` of the index that was asked
            for; the index itself can be made of these and the rows.

    Args:
        dim (int): dimensions D of an embedding.
        model (str, optional): which model the embeddings are from.

    Raises:
        ValueError: dim is not positive.
    """

    def __init__(self, dim: int, model: Optional[str] = None):
        self.dim = operator.index(dim)
        if self.dim < 1:
            raise ValueError(f'dim must be at least 1, got {dim}')
        self.model = model
        self.rows = Rows(self.dim)
        self.index = dict(kind='exact', options={})

    def records(self) -> Iterator[tuple[dict, list[np.ndarray]]]:
        """Yield headers and arrays that :class:`StateReader` understands."""
        rows = self.rows
        yield dict(kind='gallery', version=_VERSION, dim=self.dim,
                   model=self.model, next_id=rows.next_id), []
        yield index_record(self.index)
        live = np.flatnonzero(rows.live)
        for first in range(0, len(live), _RECORD_ROWS):
            part = live[first:first + _RECORD_ROWS]
            yield add_record([rows.names[i] for i in part], rows.meta[part],
                             [rows.vectors.take(part)])


def add_record(names, meta, vectors) -> tuple[dict, list[np.ndarray]]:
    """The record of added images."""
    return dict(kind='add', names=names), [meta, *vectors]


def remove_record(ids: np.ndarray) -> tuple[dict, list[np.ndarray]]:
    """The record of removed images."""
    return dict(kind='remove'), [ids]


def index_record(setting: dict) -> tuple[dict, list[np.ndarray]]:
    """The record of the index that is asked for."""
    return dict(kind='index', setting=setting), []


class StateReader:
    """Makes a :class:`GalleryState` of records.

    Attributes:
        state (GalleryState): None before the first record.
    """

    def __init__(self):
        self.state = None
        self._array = None

    def room(self, header: dict, size: int) -> list[np.ndarray]:
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
        return [self._array, *self.state.rows.vectors.room(num)]

    def apply(self, header: dict) -> None:
        """Do what a record says.

        Raises:
            ValueError: it cannot follow those before it.
            GalleryError: it is from a later version.
        """
        kind = header.get('kind')
        if (kind == 'gallery') != (self.state is None):
            raise ValueError(f'a record of kind {kind!r} does not belong here')
        if kind == 'gallery':
            if header['version'] > _VERSION:
                raise GalleryError('the gallery was written by a later '
                                   'version of mmreidmix: install that one')
            self.state = GalleryState(header['dim'], header['model'])
            self.state.rows.next_id = header['next_id']
        elif kind == 'add':
            self.state.rows.append(self._array, header['names'])
        elif kind == 'remove':
            self._remove()
        elif kind == 'index':
            self.state.index = header['setting']
        else:
            raise ValueError(f'a record of the unknown kind {kind!r}')

    def _remove(self):
        places = self.state.rows.positions(self._array)
        if (places < 0).any():
            raise ValueError('a removed image is not there')
        self.state.rows.remove(places)
