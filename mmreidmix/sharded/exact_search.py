"""Exact neighbours: each pair of processes compares its images once."""

from typing import Optional

import numpy as np
from mmengine.dist import all_reduce

from mmreidmix.distributed.shares import Shares, pass_on
from mmreidmix.neighbours import knn
from mmreidmix.neighbours.cross_search import TILE, Side, compare
from mmreidmix.neighbours.duplicates import (
    redundant_duplicates,
    redundant_lists,
)
from mmreidmix.neighbours.growing_lists import GrowingLists
from mmreidmix.neighbours.progress import Progress
from mmreidmix.neighbours.reduced_precision import (
    MANY,
    ReducedCopies,
    Reduction,
    mean_feature,
    reduced_copies,
    would_overflow,
)
from mmreidmix.neighbours.similarity import NeighbourLists
from mmreidmix.neighbours.subspace import subspace

# Images, of all processes, on which few dimensions are tried.
_SAMPLE = 16384


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
    rows = np.arange(len(features))
    leaders = redundant_duplicates(features, k, threads)
    kept = np.flatnonzero(leaders == rows)
    if len(kept) < len(rows):
        features = features[kept]
    own = GrowingLists(kept + shares.first, k)
    if len(kept):
        indices, sims = knn(features, min(k, len(kept)), threads=threads)
        own.sims[:, 0] = sims[:, 0]
        own.add(slice(None), (own.images[indices[:, 1:]], sims[:, 1:]),
                threads)
    if k > 1 and shares.world_size > 1:
        _compare_with_others(features, own, Shares(len(kept)), threads)
    # Where redundant images are left out, each has its leader's list.
    places = np.searchsorted(kept, leaders)
    indices, sims = own.indices[places], own.sims[places]
    others = np.flatnonzero(leaders != rows)
    indices[others], sims[others] = redundant_lists(
        others + shares.first, indices[others], sims[others])
    return indices, sims


def _compare_with_others(features: np.ndarray, lists: GrowingLists,
                         bank: Shares, threads: Optional[int]) -> None:
    """Put images of all other processes into the lists."""
    reduction, copies = _reduce(features, lists.sims.shape[1], bank)
    own = Side(features, copies, lists)
    rank, num = bank.rank, bank.world_size
    progress = Progress('neighbours of other processes', num - 1)
    for step in range(1, num):
        host, guest = (rank + step) % num, (rank - step) % num
        first = 0 if rank < host else len(features) // 2
        for part, _ in zip(bank.lent(rank, guest, TILE),
                           bank.lent(host, rank, TILE)):
            theirs = _borrow(own.part(part), guest, host, reduction)
            for start in range(first, len(features), TILE):
                compare(own.part(slice(start, start + TILE)), theirs, threads)
            lists.add(part, (pass_on(theirs.lists.indices[:, 1:], host, guest),
                             pass_on(theirs.lists.sims[:, 1:], host, guest)),
                      threads)
        progress.add(1)


def _borrow(own: Side, guest: int, host: int, reduction: Reduction) -> Side:
    """Images of a host, for own ones that go to a guest."""
    features, images, least = (
        pass_on(rows, guest, host)
        for rows in (own.features, own.lists.images, own.lists.wanted()))
    copies = reduced_copies(features, np.arange(len(features)), reduction)
    return Side(features, copies,
                GrowingLists(images, own.lists.sims.shape[1], least))


def _reduce(features: np.ndarray, k: int,
            bank: Shares) -> tuple[Reduction, ReducedCopies]:
    """What ``choose_reduction`` does, for the images of all processes."""
    order, num = np.arange(len(features)), len(bank)
    total = mean_feature(features, order).double() * len(order)
    all_reduce(total)
    whole = Reduction((total / num).float())
    if num * num * features.shape[1] < MANY:
        return whole, reduced_copies(features, order, whole)
    places = np.linspace(0, num - 1, min(num, _SAMPLE)).astype(np.int64)
    sample, = bank.fetch(places, features)
    columns = np.arange(len(sample))
    basis = subspace(sample, columns, whole.mean)
    if basis is None:
        return whole, reduced_copies(features, order, whole)
    few = Reduction(whole.mean, basis)
    copies = reduced_copies(features, order, few)
    largest = copies.largest()
    all_reduce(largest, 'max')
    if would_overflow(reduced_copies(sample, columns, few), columns, num,
                      largest, k):
        return whole, reduced_copies(features, order, whole)
    return few, copies
