"""What a gallery holds of every image, in memory."""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from .vectors import Vectors

#: Of one image; camid and tracklet -1 and time NaN = not known. The layout is
#: that of the file.
META = np.dtype([('id', '<i8'), ('camid', '<i8'), ('time', '<f8'),
                 ('tracklet', '<i8')])


class Entry(NamedTuple):
    """What a gallery knows of an image; None = not known."""

    id: int
    name: str
    camid: Optional[int]
    time: Optional[float]
    tracklet: Optional[int]


class ImageTable:
    """Embeddings, ids, names and the rest, one row per image.

    Images are appended; removed ones are only marked until :meth:`keep_live`.
    Ids rise with the position.

    Attributes:
        vectors (Vectors): (N, D) float32 of length 1.
        names (list[str]): N names.
        next_id (int): the id of the next image; larger than all ever used.
        version (int): grows with every change.
    """

    def __init__(self, dim: int):
        self.vectors = Vectors(dim)
        self.names: list[str] = []
        self.next_id = 0
        self.version = 0
        self._meta = np.empty(0, META)
        self._live = np.empty(0, bool)
        self._positions: dict[str, int] = {}  # of the names that are there

    def __len__(self) -> int:
        return len(self.names)

    @property
    def meta(self) -> np.ndarray:
        """(N,) of type :data:`META`."""
        return self._meta[:len(self)]

    @property
    def live(self) -> np.ndarray:
        """(N,) bool: not removed."""
        return self._live[:len(self)]

    @property
    def num_live(self) -> int:
        """How many images are not removed."""
        return len(self._positions)

    def append(self, meta: np.ndarray, names: Sequence[str]) -> None:
        """Take n images whose embeddings are in ``vectors.reserve``.

        Raises:
            ValueError: ids do not rise, or an image of that name is there.
        """
        first, last = len(self), len(self) + len(meta)
        before = self.meta['id'][-1:] if first else [-1]
        if (np.diff(meta['id'], prepend=before) < 1).any():
            raise ValueError('the ids do not rise')
        fresh = dict(zip(names, range(first, last)))
        if len(fresh) < len(names) or not fresh.keys().isdisjoint(
                self._positions):
            raise ValueError('a name that is there already')
        if last > len(self._meta):
            size = max(last, 2 * len(self._meta))
            self._meta = _grown(self.meta, size)
            self._live = _grown(self.live, size)
        self._meta[first:last] = meta
        self._live[first:last] = True
        self._positions.update(fresh)
        self.names.extend(names)
        self.vectors.append(len(meta))
        self.next_id = max(self.next_id, int(meta['id'][-1]) + 1)
        self.version += 1

    def position(self, name: str) -> int:
        """Position of the image of a name, -1 if there is none."""
        return self._positions.get(name, -1)

    def positions(self, ids: np.ndarray) -> np.ndarray:
        """Positions of images by (n,) ids, -1 where there is none."""
        if not len(self):
            return np.full(len(ids), -1)
        positions = np.searchsorted(self.meta['id'], ids)
        positions = np.minimum(positions, len(self) - 1)
        there = (self.meta['id'][positions] == ids) & self.live[positions]
        return np.where(there, positions, -1)

    def entry(self, position: int) -> Entry:
        """What is known of the image at a position."""
        id_, camid, time, tracklet = self._meta[position].item()
        return Entry(id_, self.names[position],
                     None if camid < 0 else camid,
                     None if np.isnan(time) else time,
                     None if tracklet < 0 else tracklet)

    def remove(self, positions: np.ndarray) -> None:
        """Mark images as removed; their names are free again."""
        self._live[positions] = False
        for position in positions.tolist():
            del self._positions[self.names[position]]
        self.version += 1

    def keep_live(self) -> None:
        """Drop removed images for good, in place.

        Interrupted, it leaves no images at all rather than mixed-up ones.
        """
        live, meta = self.live.copy(), self.meta[self.live]
        names = [name for name, keep in zip(self.names, live) if keep]
        self.names, self._positions = [], {}
        self.vectors.keep(live)
        self._meta = meta
        self._live = np.ones(len(names), bool)
        self._positions = {name: i for i, name in enumerate(names)}
        self.names = names
        self.version += 1


def _grown(array: np.ndarray, size: int) -> np.ndarray:
    grown = np.empty(size, array.dtype)
    grown[:len(array)] = array
    return grown
