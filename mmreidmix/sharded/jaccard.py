"""Jaccard distances of the own images to those of all processes."""

from typing import Optional

import numpy as np
import torch
from mmengine.dist import all_reduce
from scipy import sparse

from mmreidmix.distributed.shares import Shares, exchange, pass_on
from mmreidmix.neighbours.numba_kernels import over_rows
from mmreidmix.neighbours.sparse_rows import RowRange, arrays_of, joined
from mmreidmix.pseudo_labels import CollapsedFeaturesError
from mmreidmix.pseudo_labels.jaccard import pairs_within, strongest

from .sparse_shares import rank_together

# Images whose encodings are lent at a time, about 50 MB.
_TILE = 262144

#: Images (P,), images (P,) and distances of pairs.
_Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def jaccard_graph_together(
        encoding: sparse.csr_matrix, radius: float, shares: Shares,
        max_pairs: Optional[int] = None,
        threads: Optional[int] = None) -> sparse.csr_matrix:
    """Distances of all pairs with an own image within a radius.

    Each pair is computed once, and sent to who holds the other image.

    Args:
        encoding (scipy.sparse.csr_matrix): (n, N) the own rows.
        radius (float): largest distance that is stored, in (0, 1).
        shares (Shares): who holds which images.
        max_pairs (int, optional): upper bound on pairs, see
            :func:`~mmreidmix.pseudo_labels.jaccard_graph`; by default 1000
            per image, at most 200 million for each process.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        scipy.sparse.csr_matrix: (n, N) float32, the own rows of that graph.

    Raises:
        CollapsedFeaturesError: in all processes.
    """
    rank, num = shares.rank, shares.world_size
    images, encoding = _similar_together(encoding, shares)
    if max_pairs is None:
        max_pairs = min(1000 * len(shares), 200_000_000 * num)
    pairs: list[_Pairs] = []
    for step in range(num):
        host, guest = (rank + step) % num, (rank - step) % num
        for part, theirs in zip(shares.lent(rank, guest, _TILE),
                                shares.lent(host, rank, _TILE)):
            borrowed = _borrow(encoding[part], guest, host)
            others = pass_on(images[part], guest, host)
            begin = len(images) // 2 if rank > host else 0
            # Of two own images the first comes first.
            after = begin - theirs.start if rank == host else -len(images) - 1
            counts, places, distances = _near(
                encoding[begin:], borrowed, after, radius, max_pairs, threads)
            pairs.append((np.repeat(images[begin:], counts), others[places],
                          distances))
            _stop_if_collapsed(pairs, max_pairs, radius, shares)
    return _own_graph(pairs, shares)


def _borrow(rows: sparse.csr_matrix, guest: int,
            host: int) -> sparse.csr_matrix:
    counts = pass_on(np.diff(rows.indptr).astype(np.int64), guest, host)
    return sparse.csr_matrix(
        (pass_on(rows.data, guest, host), pass_on(rows.indices, guest, host),
         np.r_[0, np.cumsum(counts)]), shape=(len(counts), rows.shape[1]))


def _similar_together(
        encoding: sparse.csr_matrix,
        shares: Shares) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Own images and rows, of similar ones side by side; columns too.

    As one process does: see
    :func:`~mmreidmix.pseudo_labels.jaccard_graph`.
    """
    rank = rank_together(strongest(arrays_of(encoding), shares.first))
    own = np.argsort(rank[shares.first:shares.last])
    rows = encoding[own]
    rows = sparse.csr_matrix(
        (rows.data, rank[rows.indices], rows.indptr), shape=rows.shape)
    return (own + shares.first).astype(np.int32), rows


def _near(rows: sparse.csr_matrix, borrowed: sparse.csr_matrix, after: int,
          radius: float, limit: int, threads: Optional[int]) -> RowRange:
    """Pairs of rows i and borrowed rows j with i + after < j."""
    return joined(over_rows(
        pairs_within, rows.shape[0], arrays_of(rows),
        arrays_of(borrowed.tocsc()), borrowed.shape[0], after,
        np.float32(radius), limit, threads=threads, what='Jaccard pairs'))


def _stop_if_collapsed(pairs: list[_Pairs], max_pairs: int, radius: float,
                       shares: Shares) -> None:
    total = torch.tensor(sum(len(part[0]) for part in pairs))
    all_reduce(total)
    if total > max_pairs:
        raise CollapsedFeaturesError(
            f'more than max_pairs={max_pairs} of the pairs of {len(shares)} '
            f'images are within the radius {radius}: the features have '
            'probably collapsed; look at the model, lower the radius or '
            'raise max_pairs')


def _own_graph(pairs: list[_Pairs], shares: Shares) -> sparse.csr_matrix:
    """Rows of the symmetric graph, from pairs that each process has found."""
    images, partners, distances = (
        np.concatenate(part) for part in zip(*pairs))
    order = np.argsort(partners, kind='stable')
    cuts = np.searchsorted(partners[order], shares.bounds[1:-1])
    found, own, near = (
        np.concatenate(exchange(np.split(part[order], cuts)))
        for part in (images, partners, distances))
    rows = np.concatenate([images, own]) - shares.first
    graph = sparse.coo_matrix(
        (np.concatenate([distances, near]),
         (rows, np.concatenate([partners, found]))),
        shape=(shares.last - shares.first, len(shares)))
    return graph.tocsr()
