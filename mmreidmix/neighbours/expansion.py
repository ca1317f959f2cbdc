"""Neighbours of neighbours: more of the true ones, where some are missing."""

from typing import Optional

import numpy as np

from mmreidmix.checks import check_count

from .numba_kernels import compiled, fill_rows
from .similarity import (
    NeighbourLists,
    insert_sorted,
    kernel_view,
    similarity,
)


@compiled
def _expand(features: np.ndarray, indices: np.ndarray, sims: np.ndarray,
            out_indices: np.ndarray, out_sims: np.ndarray, first: int,
            last: int) -> None:
    num, k = indices.shape
    compared = np.full(num, -1, np.int32)
    for i in range(first, last):
        out_indices[i] = indices[i]
        out_sims[i] = sims[i]
        for a in range(k):
            compared[indices[i, a]] = i
        for a in range(1, k):
            j = indices[i, a]
            for b in range(1, k):
                c = indices[j, b]
                if compared[c] != i:
                    compared[c] = i
                    insert_sorted(out_indices[i], out_sims[i], k, c,
                                  similarity(features, i, c))


def expand_neighbours(features: np.ndarray, indices: np.ndarray,
                      sims: np.ndarray, *, rounds: int = 1,
                      threads: Optional[int] = None) -> NeighbourLists:
    """Compare every image with the neighbours of its neighbours.

    For the lists of an approximate search: images of one person are each
    other's neighbours, so that what one list lacks others hold. One round
    costs at most N k^2 comparisons, in practice a fraction, since
    neighbouring lists overlap. Lists of an exact search stay as they are.

    Args:
        features (np.ndarray): (N, D) float32 or float16, L2-normalised.
        indices (np.ndarray): (N, k) of :func:`neighbours.knn`, of all images.
        sims (np.ndarray): (N, k) of the same.
        rounds (int): how often, each time with the lists of the last; 0 = the
            lists as they are.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray]: indices and sims of the same shapes, in
        the same order.

    Raises:
        ValueError: rounds is negative.

    References:
        Dong, Charikar, Li: Efficient k-nearest neighbor graph construction
        for generic similarity measures, WWW 2011.
    """
    check_count('expand_neighbours', 0, rounds=rounds)
    view = kernel_view(features)
    for _ in range(rounds):
        expanded = np.empty_like(indices), np.empty_like(sims)
        fill_rows(_expand, len(indices), view, indices, sims, *expanded,
                  threads=threads, what='neighbours of neighbours')
        indices, sims = expanded
    return indices, sims
