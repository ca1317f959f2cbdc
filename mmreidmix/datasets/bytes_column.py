"""Columns of strings, for millions of paths without an object per path."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

# Rows at a time: bounds the index arrays and the objects made of rows.
_BLOCK = 1 << 16


@dataclass(frozen=True)
class BytesColumn:
    """N byte strings of any length, end to end.

    Attributes:
        blob (np.ndarray): (L,) uint8, the strings one after the other.
        offsets (np.ndarray): (N + 1,) int64, where each begins; the last is L.

    Examples:
        >>> column = BytesColumn.from_parts([b'a.jpg', b'', b'bc.jpg'])
        >>> len(column), column[2], column.take([2, 0]).tolist()
        (3, b'bc.jpg', [b'bc.jpg', b'a.jpg'])
    """

    blob: np.ndarray
    offsets: np.ndarray

    @staticmethod
    def from_parts(parts: Sequence[bytes]) -> 'BytesColumn':
        """A column of the given strings."""
        lengths = np.fromiter(map(len, parts), np.int64, len(parts))
        return BytesColumn.from_joined(b''.join(parts), lengths)

    @staticmethod
    def from_joined(joined: bytes, lengths: np.ndarray) -> 'BytesColumn':
        """A column of strings that are joined already; not copied."""
        return BytesColumn(np.frombuffer(joined, np.uint8), _starts(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> bytes:
        index = range(len(self))[index]
        start, stop = self.offsets[index:index + 2]
        return self.blob[start:stop].tobytes()

    def slice(self, start: int, stop: int) -> list[bytes]:
        """The strings of rows [start, stop)."""
        offsets = self.offsets[start:stop + 1]
        blob = self.blob[offsets[0]:offsets[-1]].tobytes()
        bounds = (offsets - offsets[0]).tolist()
        return [blob[a:b] for a, b in zip(bounds, bounds[1:])]

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self), _BLOCK):
            yield from self.slice(start, start + _BLOCK)

    def tolist(self) -> list[bytes]:
        """All strings."""
        return self.slice(0, len(self))

    def take(self, rows: Sequence[int]) -> 'BytesColumn':
        """The strings of rows >= 0, in the order given."""
        rows = np.asarray(rows, np.int64)
        starts = self.offsets[:-1][rows]
        lengths = self.offsets[1:][rows] - starts
        offsets = _starts(lengths)
        blob = np.empty(offsets[-1], np.uint8)
        for first in range(0, len(rows), _BLOCK):
            part = slice(first, first + _BLOCK)
            begin = offsets[first]
            end = offsets[min(first + _BLOCK, len(rows))]
            shifts = starts[part] - offsets[:-1][part]
            source = np.repeat(shifts, lengths[part])
            source += np.arange(begin, end)
            blob[begin:end] = self.blob[source]
        return BytesColumn(blob, offsets)


@dataclass(frozen=True)
class PathColumn:
    """N relative paths as (folder, base name), each folder once.

    Takes the place of an (N,) array of bytes in :class:`ReIDRecords`: gives
    bytes for an integer and a column for a mask, a slice or an index array.
    Four million paths of 60 characters take about 120 MB.

    Attributes:
        folders (BytesColumn): F folders; b'' is the data root.
        folder_ids (np.ndarray): (N,) int32, folder of each path.
        names (BytesColumn): N base names.
    """

    folders: BytesColumn
    folder_ids: np.ndarray
    names: BytesColumn

    @property
    def shape(self) -> tuple[int]:
        """(N,), as an array would say."""
        return (len(self.names), )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, key: Any) -> Union[bytes, 'PathColumn']:
        if isinstance(key, (slice, np.ndarray, list)):
            rows = np.arange(len(self))[key]
            return PathColumn(self.folders, self.folder_ids[rows],
                              self.names.take(rows))
        index = range(len(self))[operator.index(key)]
        return join_path(self.folders[self.folder_ids[index]],
                         self.names[index])

    def __iter__(self) -> Iterator[bytes]:
        return (self[index] for index in range(len(self)))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(list(self) or np.empty(0, 'S1'), dtype=dtype)


def join_path(folder: bytes, name: bytes) -> bytes:
    """Path of an entry of a folder; b'' is the data root."""
    return folder + b'/' + name if folder else name


def _starts(lengths: np.ndarray) -> np.ndarray:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
