"""Neighbours of neighbours: more of the true ones, where some are missing."""
import numpy as np

from .numba_kernels import compiled
from .similarity import insert, kernel_view, similarity
from .sparse_rows import in_chunks


@compiled
def _expand(features, indices, sims, out_indices, out_sims, first, last):
    num, k = indices.shape
    seen = np.full(num, -1, np.int32)
    for i in range(first, last):
        out_indices[i] = indices[i]
        out_sims[i] = sims[i]
        for a in range(k):
            seen[indices[i, a]] = i
        for a in range(1, k):
            j = indices[i, a]
            for b in range(1, k):
                c = indices[j, b]
                if seen[c] != i:
                    seen[c] = i
                    insert(out_indices[i], out_sims[i], k, c,
                           similarity(features, i, c))


def expand_neighbours(features, indices, sims, *, rounds=1, threads=None):
    """Offer every image the neighbours of its neighbours.

    For the lists of an approximate search: images of one person are each
    other's neighbours, so that what one list lacks others hold. One round
    costs at most N k^2 comparisons, in practice a fraction, since
    neighbouring lists overlap. Lists of an exact search stay as they are.

    Args:
        features (np.ndarray): (N, D) float32 or float16, L2-normalised.
        indices (np.ndarray): (N, k) of :func:`neighbours.knn`, of all images.
        sims (np.ndarray): (N, k) of the same.
        rounds (int): How often, each time with the lists of the last; 0 = the
            lists as they are.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray]: indices and sims of the same shapes, in
        the same order.

    Raises:
        ValueError: If rounds is negative.

    References:
        Dong, Charikar, Li: Efficient k-nearest neighbor graph construction
        for generic similarity measures, WWW 2011.
    """
    if rounds < 0:
        raise ValueError(f'rounds={rounds}: expected at least 0')
    view = kernel_view(features)
    for _ in range(rounds):
        expanded = np.empty_like(indices), np.empty_like(sims)
        for _ in in_chunks(_expand, len(indices), view, indices, sims,
                           *expanded, threads=threads,
                           what='neighbours of neighbours'):
            pass
        indices, sims = expanded
    return indices, sims
