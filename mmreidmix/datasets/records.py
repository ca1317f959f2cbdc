"""What is known of N images, as columns."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Union

import numpy as np

from .bytes_column import PathColumn

# Paths that tell one data set from another: all of millions take seconds.
_TOLD_BY = 1000


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
        ValueError: If the columns are not 1-D and equally long.
    """

    paths: Union[np.ndarray, PathColumn]
    pids: np.ndarray
    camids: np.ndarray
    tracklets: np.ndarray

    def __post_init__(self):
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

    def select(self, which) -> 'ReIDRecords':
        """Records under a boolean mask, a slice or an index array."""
        return ReIDRecords(*(column[which] for column in self._columns()))

    def sorted(self) -> 'ReIDRecords':
        """The same records in the order of their paths."""
        return self.select(np.argsort(self.paths, kind='stable'))

    def fingerprint(self) -> int:
        """What tells these images from others that are as many.

        Returns:
            int: a checksum of all cameras and up to 1,000 paths.
        """
        checksum = zlib.crc32(np.ascontiguousarray(self.camids))
        num = len(self)
        for row in np.linspace(0, num - 1, min(num, _TOLD_BY), dtype=int):
            checksum = zlib.crc32(self.paths[row] + b'\0', checksum)
        return checksum

    @staticmethod
    def concat(parts: Sequence['ReIDRecords']) -> 'ReIDRecords':
        """Join records, in the order given."""
        return ReIDRecords(*(np.concatenate(columns) for columns in zip(
            *(part._columns() for part in parts))))

    @staticmethod
    def from_columns(paths: Sequence[str], pids=None, camids=None,
                     tracklets=None) -> 'ReIDRecords':
        """Build records from sequences of any integer type.

        Omitted columns become: no identity (-1), camera 0, no tracklet (-1).

        Raises:
            ValueError: If a number does not fit into 32 bits.
        """
        encoded = [p.encode('utf-8', 'surrogateescape') for p in paths]
        fill = {'pids': -1, 'camids': 0, 'tracklets': -1}
        given = {'pids': pids, 'camids': camids, 'tracklets': tracklets}
        columns = {
            key: np.full(len(encoded), fill[key], np.int32)
            if value is None else _to_int32(value, key)
            for key, value in given.items()
        }
        return ReIDRecords(
            paths=np.array(encoded, dtype='S' if encoded else 'S1'), **columns)

    @staticmethod
    def from_rows(rows: Iterable[tuple]) -> 'ReIDRecords':
        """Build records from rows (path, pid, camid, tracklet)."""
        columns = list(zip(*rows)) or [(), (), (), ()]
        return ReIDRecords.from_columns(*columns)

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.paths, self.pids, self.camids, self.tracklets


def path_text(path: bytes) -> str:
    """Decode a path; bytes that are no UTF-8 survive the way back."""
    return path.decode('utf-8', 'surrogateescape')


def _to_int32(values, column: str) -> np.ndarray:
    wide = np.asarray(values, dtype=np.int64)
    narrow = wide.astype(np.int32)
    if (narrow != wide).any():
        raise ValueError(f'ReIDRecords: {column} up to '
                         f'{np.abs(wide).max():,} do not fit into 32 bits')
    return narrow
