"""Paths and labels of N images, as columns."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy as np

from .bytes_column import PathColumn

# All paths of a set of millions would take seconds.
_PATHS_IN_FINGERPRINT = 1000


@dataclass(frozen=True)
class ReIDRecords:
    """Columns of N images.

    Arrays instead of a list of dicts, so that worker processes share the
    memory: a million images take about 100 MB.

    Attributes:
        paths (np.ndarray | PathColumn): (N,) bytes, UTF-8, relative to the
            data root, with '/' between the parts.
        pids (np.ndarray): (N,) int32, original identity numbers, -1 = no
            label known.
        camids (np.ndarray): (N,) int32, zero-based inside the domain.
        tracklets (np.ndarray): (N,) int32, -1 = none.

    Raises:
        ValueError: the columns are not 1-D and equally long.
    """

    paths: Union[np.ndarray, PathColumn]
    pids: np.ndarray
    camids: np.ndarray
    tracklets: np.ndarray

    def __post_init__(self) -> None:
        shapes = {column.shape for column in self._columns()}
        if len(shapes) > 1 or len(shapes.pop()) != 1:
            raise ValueError('ReIDRecords: the four columns must be 1-D and '
                             'equally long, got shapes '
                             f'{[c.shape for c in self._columns()]}')

    def __len__(self) -> int:
        return len(self.paths)

    def path(self, index: int) -> str:
        """Path of one image, relative to the data root."""
        return path_text(self.paths[index])

    def select(self, which: Any) -> 'ReIDRecords':
        """Records under a boolean mask, a slice or an index array."""
        return ReIDRecords(*(column[which] for column in self._columns()))

    def sorted(self) -> 'ReIDRecords':
        """The same records in the order of their paths."""
        return self.select(np.argsort(self.paths, kind='stable'))

    def fingerprint(self) -> int:
        """Checksum of all cameras and up to 1,000 paths."""
        checksum = zlib.crc32(np.ascontiguousarray(self.camids))
        num = len(self)
        rows = np.linspace(
            0, num - 1, min(num, _PATHS_IN_FINGERPRINT), dtype=int)
        for row in rows:
            checksum = zlib.crc32(self.paths[row] + b'\0', checksum)
        return checksum

    @staticmethod
    def concat(parts: Sequence['ReIDRecords']) -> 'ReIDRecords':
        """Join records, in the order given."""
        return ReIDRecords(*(np.concatenate(columns) for columns in zip(
            *(part._columns() for part in parts))))

    @staticmethod
    def from_columns(
            paths: Sequence[str],
            pids: Optional[Sequence[int]] = None,
            camids: Optional[Sequence[int]] = None,
            tracklets: Optional[Sequence[int]] = None) -> 'ReIDRecords':
        """Build records from sequences of any integer type.

        Omitted columns become: no identity (-1), camera 0, no tracklet (-1).

        Raises:
            ValueError: a number does not fit into 32 bits.
        """
        encoded = [p.encode('utf-8', 'surrogateescape') for p in paths]
        return ReIDRecords(
            np.array(encoded, dtype='S' if encoded else 'S1'),
            *(np.full(len(encoded), fill, np.int32)
              if values is None else _to_int32(values, column)
              for column, values, fill in (('pids', pids, -1),
                                           ('camids', camids, 0),
                                           ('tracklets', tracklets, -1))))

    @staticmethod
    def from_rows(rows: Iterable[tuple]) -> 'ReIDRecords':
        """Build records from rows (path, pid, camid, tracklet)."""
        columns = list(zip(*rows)) or [()]
        return ReIDRecords.from_columns(*columns)

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.paths, self.pids, self.camids, self.tracklets


def path_text(path: bytes) -> str:
    """Decode a path; bytes that are no UTF-8 survive the way back."""
    return path.decode('utf-8', 'surrogateescape')


def _to_int32(values: Sequence[int], column: str) -> np.ndarray:
    wide = np.asarray(values, dtype=np.int64)
    narrow = wide.astype(np.int32)
    if (narrow != wide).any():
        raise ValueError(f'ReIDRecords: {column} up to '
                         f'{np.abs(wide).max():,} do not fit into 32 bits')
    return narrow
