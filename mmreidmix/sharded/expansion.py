"""Neighbours of neighbours, which other processes may hold."""

from typing import Optional

import numpy as np

from mmreidmix.distributed.shares import Shares
from mmreidmix.neighbours.growing_lists import GrowingLists
from mmreidmix.neighbours.numba_kernels import compiled, over_rows
from mmreidmix.neighbours.similarity import NeighbourLists
from mmreidmix.neighbours.sparse_rows import RowRange, grow, joined

from .sparse_shares import similarities

# Own images whose neighbours' lists are fetched at a time.
_CHUNK = 4096


def expand_together(lists: NeighbourLists, features: np.ndarray, rounds: int,
                    shares: Shares,
                    threads: Optional[int] = None) -> NeighbourLists:
    """Compare own images with the neighbours of their neighbours.

    Args:
        lists (NeighbourLists): (n, k) of the own images.
        features (np.ndarray): (n, D) own unit rows.
        rounds (int): how often.
        shares (Shares): who holds which images.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray]: those of
        :func:`~mmreidmix.neighbours.expand_neighbours`.
    """
    for _ in range(rounds):
        own = GrowingLists(lists[0][:, 0], lists[0].shape[1])
        own.indices, own.sims = lists[0].copy(), lists[1].copy()
        own.sizes[:] = own.indices.shape[1]
        for part in shares.chunks(_CHUNK):
            more = _strangers(lists[0], part, shares, threads)
            rows, columns = np.nonzero(more >= 0)
            sims = np.zeros(more.shape, np.float32)
            sims[rows, columns] = similarities(
                features, shares, rows + part.start, more[rows, columns],
                threads)
            own.add(part, (more, sims), threads)
        lists = own.indices, own.sims
    return lists


def _strangers(indices: np.ndarray, part: slice, shares: Shares,
               threads: Optional[int]) -> np.ndarray:
    """Neighbours of neighbours that are none, (n, m), -1 behind the last."""
    own = indices[part]
    known, places = np.unique(own, return_inverse=True)
    lists, = shares.fetch(known, indices)
    counts, columns, _ = joined(over_rows(
        _others, len(own), own, places.reshape(own.shape), lists,
        len(shares), threads=threads))
    more = np.full((len(own), counts.max(initial=0)), -1, np.int32)
    more[np.arange(more.shape[1]) < counts[:, None]] = columns
    return more


@compiled
def _others(own: np.ndarray, places: np.ndarray, lists: np.ndarray, num: int,
            first: int, last: int) -> RowRange:
    k = own.shape[1]
    counts = np.zeros(last - first, np.int64)
    columns = np.empty((last - first) * k, np.int32)
    seen = np.full(num, -1, np.int32)
    used = 0
    for i in range(first, last):
        begin = used
        if used + k * k > columns.size:
            columns = grow(columns, used + k * k)
        for a in range(k):
            seen[own[i, a]] = i
        for a in range(1, k):
            for b in range(1, k):
                c = lists[places[i, a], b]
                if seen[c] != i:
                    seen[c] = i
                    columns[used] = c
                    used += 1
        counts[i - first] = used - begin
    return counts, columns[:used].copy(), np.empty(0, np.float32)
