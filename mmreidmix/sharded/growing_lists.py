"""Neighbour lists that take in what other processes find."""

from typing import Optional, Union

import numpy as np

from mmreidmix.neighbours.cross_search import merge_lists
from mmreidmix.neighbours.similarity import NeighbourLists


class GrowingLists:
    """Sorted neighbour lists of some images that take in more neighbours.

    Args:
        images (np.ndarray): (R,) which images; each is first in its list.
        k (int): longest length.
    """

    def __init__(self, images: np.ndarray, k: int):
        self.images = images.astype(np.int32)
        self.indices = np.full((len(images), k), -1, np.int32)
        self.sims = np.zeros((len(images), k), np.float32)
        self.indices[:, 0] = images
        self.sizes = np.ones(len(images), np.int64)

    def add(self, rows: Union[slice, np.ndarray], more: NeighbourLists,
            threads: Optional[int] = None) -> None:
        """Take in (r, m) neighbours of some rows; -1 is none."""
        lists = self.indices[rows], self.sims[rows]
        sizes = self.sizes[rows]
        merge_lists(lists, sizes, more, threads)
        self.indices[rows], self.sims[rows] = lists
        self.sizes[rows] = sizes
