"""Neighbour lists that take in more and more images."""

from typing import Optional, Union

import numpy as np

from .numba_kernels import compiled, fill_rows
from .similarity import NeighbourLists, insert_sorted


class GrowingLists:
    """Sorted neighbour lists of some images that take in more neighbours.

    Args:
        images (np.ndarray): (R,) which images; each is first in its list.
        k (int): longest length.
        least (np.ndarray, optional): (R,) similarities below which no image
            is wanted, because others of that similarity are known elsewhere.

    Attributes:
        indices, sims (np.ndarray): (R, k) the lists.
        sizes (np.ndarray): (R,) int64, how long each is.
    """

    def __init__(self, images: np.ndarray, k: int,
                 least: Optional[np.ndarray] = None):
        self.images = images.astype(np.int32)
        self.indices = np.full((len(images), k), -1, np.int32)
        self.sims = np.zeros((len(images), k), np.float32)
        self.indices[:, 0] = images
        self.sizes = np.ones(len(images), np.int64)
        self.least = np.full(len(images), -np.inf, np.float32)
        if least is not None:
            self.least[:] = least

    def part(self, rows: slice) -> 'GrowingLists':
        """Some of the lists; what they take in is in these too."""
        part = object.__new__(GrowingLists)
        for name, array in vars(self).items():
            setattr(part, name, array[rows])
        return part

    def wanted(self) -> np.ndarray:
        """Similarities (R,) below which an image can not get into a list."""
        full = self.sizes == self.sims.shape[1]
        return np.maximum(self.least,
                          np.where(full, self.sims[:, -1], -np.inf))

    def add(self, rows: Union[slice, np.ndarray], more: NeighbourLists,
            threads: Optional[int] = None) -> None:
        """Take in (r, m) neighbours of some rows; -1 is none.

        None of them may be in the lists yet.
        """
        indices, sims = self.indices[rows], self.sims[rows]
        sizes = self.sizes[rows]
        fill_rows(_merge, len(sizes), indices, sims, *more, sizes,
                  threads=threads)
        self.indices[rows], self.sims[rows] = indices, sims
        self.sizes[rows] = sizes


@compiled
def _merge(indices: np.ndarray, sims: np.ndarray, more: np.ndarray,
           more_sims: np.ndarray, sizes: np.ndarray, first: int,
           last: int) -> None:
    for r in range(first, last):
        for c in range(more.shape[1]):
            if more[r, c] >= 0:
                sizes[r] = insert_sorted(
                    indices[r], sims[r], sizes[r], more[r, c],
                    more_sims[r, c])
