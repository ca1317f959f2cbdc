"""Exact neighbours: each pair of processes compares its images once."""

from typing import Optional

import numpy as np

from mmreidmix.distributed.shares import Shares, pass_on
from mmreidmix.neighbours import knn
from mmreidmix.neighbours.cross_search import cross_search
from mmreidmix.neighbours.progress import Progress
from mmreidmix.neighbours.similarity import NeighbourLists

from .growing_lists import GrowingLists

# Images of one product: their lists of candidates take 3 KB each.
_TILE = 16384


def search_together(features: np.ndarray, k: int, shares: Shares,
                    threads: Optional[int] = None) -> NeighbourLists:
    """Find the nearest images of the own ones, among those of all processes.

    Two images of two processes are compared once, see ``Shares.lent``.

    Args:
        features (np.ndarray): (n, D) own unit rows, float32 or float16.
        k (int): length of the lists, the image itself included; at most the
            number of all images.
        shares (Shares): who holds which images.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray]: those of
        :func:`~mmreidmix.neighbours.knn` over all images, (n, k).
    """
    own = GrowingLists(np.arange(shares.first, shares.last), k)
    if len(features):
        indices, sims = knn(features, min(k, len(features)), threads=threads)
        own.sims[:, 0] = sims[:, 0]
        own.add(slice(None), (indices[:, 1:] + shares.first, sims[:, 1:]),
                threads)
    rank, num = shares.rank, shares.world_size
    progress = Progress('neighbours of other processes', num - 1)
    for step in range(1, num if k > 1 else 1):
        host, guest = (rank + step) % num, (rank - step) % num
        for part, theirs in zip(shares.lent(rank, guest, _TILE),
                                shares.lent(host, rank, _TILE)):
            borrowed = GrowingLists(
                np.arange(theirs.start, theirs.stop) + shares.bounds[host], k)
            _compare(features, own, pass_on(features[part], guest, host),
                     borrowed, rank < host, threads)
            own.add(part, (pass_on(borrowed.indices[:, 1:], host, guest),
                           pass_on(borrowed.sims[:, 1:], host, guest)),
                    threads)
        progress.add(1)
    return own.indices, own.sims


def _compare(features: np.ndarray, own: GrowingLists, others: np.ndarray,
             borrowed: GrowingLists, whole: bool,
             threads: Optional[int]) -> None:
    """Compare the own images, or the second half, with borrowed ones."""
    k = own.indices.shape[1]
    first = 0 if whole else len(features) // 2
    for start in range(first, len(features) if len(others) else first, _TILE):
        rows = slice(start, start + _TILE)
        forth, back = cross_search(features[rows], others, k - 1, threads)
        own.add(rows, (borrowed.images[forth[0]], forth[1]), threads)
        borrowed.add(slice(None), (own.images[rows][back[0]], back[1]),
                     threads)
