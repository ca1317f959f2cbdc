"""Neighbours of images among those of another set, and the other way round."""

from typing import Optional

import numpy as np
import torch

from .candidates import (
    CandidateLists,
    empty_candidate_lists,
    push_candidates,
    push_product,
    shorten_lists,
)
from .duplicates import redundant_duplicates
from .exact_search import COLUMNS, ROWS
from .matmul import multiply
from .numba_kernels import compiled, fill_rows
from .reduced_precision import mean_feature, reduced_copies
from .similarity import (
    NeighbourLists,
    insert_sorted,
    rank_all,
    rank_candidates,
)


def cross_search(
        left: np.ndarray, right: np.ndarray, k: int,
        threads: Optional[int] = None
) -> tuple[NeighbourLists, NeighbourLists]:
    """Find the nearest images of another set, exactly, for both sets.

    One product serves both. Similarity and order are those of
    :func:`~mmreidmix.neighbours.knn`; no image is in its own list.

    Args:
        left (np.ndarray): (L, D) unit rows, float32 or float16.
        right (np.ndarray): (R, D) of the same type.
        k (int): length of the lists.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        tuple: lists of the left images, (L, min(k, R)) indices into ``right``
        and similarities, and those of the right images, (R, min(k, L)).
    """
    (own, own_places), (others, other_places) = (
        np.unique(redundant_duplicates(side, k, threads), return_inverse=True)
        for side in (left, right))
    forth, back = _cross_lists(left[own], right[others], k, threads)
    return ((others[forth[0]][own_places].astype(np.int32),
             forth[1][own_places]),
            (own[back[0]][other_places].astype(np.int32),
             back[1][other_places]))


def _cross_lists(left: np.ndarray, right: np.ndarray, k: int,
                 threads: Optional[int]) -> list[NeighbourLists]:
    """Indices into the other set, without further duplicates."""
    features, num = np.concatenate([left, right]), len(left)
    order = np.arange(len(features))
    bank, shifts, errors, rounding = reduced_copies(
        features, order, mean_feature(features, order), num, k)
    lists = empty_candidate_lists(len(features), k, errors, rounding)

    def push(product: np.ndarray, row: int, columns: slice, first: int,
             last: int) -> None:
        push_candidates(product, row, shifts[columns], order[columns], lists,
                        first, last)

    memory = torch.empty(ROWS * COLUMNS, dtype=bank.dtype)
    for a in range(0, num, ROWS):
        z = min(a + ROWS, num)
        for c in range(num, len(features), COLUMNS):
            d = min(c + COLUMNS, len(features))
            product = memory[:(z - a) * (d - c)].view(z - a, d - c)
            multiply(bank[a:z], bank[c:d], out=product)
            if bank.dtype == torch.bfloat16:
                product = product.view(torch.int16)
            push_product(push, product.numpy(), a, c, len(features), threads)
    del bank, memory
    fill_rows(shorten_lists, len(features), lists, threads=threads)
    sides = order[:num], order[num:]
    found = [_ranked(features, lists, rows, others, k, threads)
             for rows, others in (sides, sides[::-1])]
    found[0][0][:] -= num
    return found


def _ranked(features: np.ndarray, lists: CandidateLists, rows: np.ndarray,
            others: np.ndarray, k: int,
            threads: Optional[int]) -> NeighbourLists:
    """Exact lists (R, min(k, B)) of rows among (B,) others."""
    # Each list begins with the image itself, which is left out.
    k = min(k, len(others)) + 1
    counts = lists.counts[rows]
    indices, sims = rank_candidates(
        features, rows, rows * lists.images.shape[1], counts,
        lists.images.ravel(), k, threads)
    overflowed = np.flatnonzero(counts < 0)
    indices[overflowed], sims[overflowed] = rank_all(
        features, rows[overflowed], others, k, threads)
    return indices[:, 1:], sims[:, 1:]


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


def merge_lists(lists: NeighbourLists, sizes: np.ndarray,
                more: NeighbourLists,
                threads: Optional[int] = None) -> None:
    """Put further neighbours into sorted lists, in place.

    Args:
        lists (NeighbourLists): (R, k) indices and similarities; each begins
            with the image itself.
        sizes (np.ndarray): (R,) int64, how long each is so far.
        more (NeighbourLists): (R, m), none of them in the lists yet; -1 is
            left out.
        threads (int, optional): default ``torch.get_num_threads()``.
    """
    fill_rows(_merge, len(sizes), *lists, *more, sizes, threads=threads)
