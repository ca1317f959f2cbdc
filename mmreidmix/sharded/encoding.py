"""k-reciprocal encodings of the own images."""

from collections.abc import Iterable
from typing import Optional

import numpy as np
from scipy import sparse

from mmreidmix.distributed.shares import Shares
from mmreidmix.neighbours.k_reciprocal import (
    average_rows,
    expanded_sets,
    mark_mutual,
    softmax_rows,
)
from mmreidmix.neighbours.numba_kernels import fill_rows, over_rows
from mmreidmix.neighbours.similarity import NeighbourLists
from mmreidmix.neighbours.sparse_rows import RowRange, SparseArrays, joined

from .numbers import Numbers
from .sparse_shares import fetch_sparse, similarities

# Own images whose neighbours' lists are fetched at a time.
_CHUNK = 32768


def encode_together(lists: NeighbourLists, features: np.ndarray, k1: int,
                    k2: int, shares: Shares,
                    threads: Optional[int] = None) -> sparse.csr_matrix:
    """Encode the own images over those of all processes.

    Args:
        lists (NeighbourLists): (n, k) of the own images.
        features (np.ndarray): (n, D) own unit rows.
        k1 (int): of :func:`~mmreidmix.neighbours.k_reciprocal_encoding`.
        k2 (int): of the same.
        shares (Shares): who holds which images.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        scipy.sparse.csr_matrix: (n, N) the own rows, columns sorted.
    """
    k1 = min(k1, len(shares))
    indices, sims = (np.ascontiguousarray(part[:, :k1]) for part in lists)
    half = min(int(np.around(k1 / 2)) + 1, k1)
    numbers = Numbers(len(shares))
    flags = np.concatenate([
        _flags(indices, part, half, numbers, shares, threads)
        for part in shares.chunks(_CHUNK)])
    encoding = _stacked(
        _sets(indices, sims, flags, features, part, half, numbers, shares,
              threads)
        for part in shares.chunks(_CHUNK))
    nearest = lists[0][:, :k2]
    if nearest.shape[1] > 1:
        encoding = _stacked(
            _average(encoding, nearest[part], numbers, shares, threads)
            for part in shares.chunks(_CHUNK))
    rows = sparse.csr_matrix(
        (encoding.data, encoding.indices, encoding.indptr),
        shape=(len(features), len(shares)))
    rows.sort_indices()
    return rows


def _own_of(part: slice, shares: Shares) -> np.ndarray:
    """The images of a part of the own ones."""
    return np.arange(part.start, part.stop) + shares.first


def _flags(indices: np.ndarray, part: slice, half: int, numbers: Numbers,
           shares: Shares, threads: Optional[int]) -> np.ndarray:
    """Which neighbours of a part are mutual, see ``mark_mutual``."""
    own = _own_of(part, shares)
    known = numbers.restart(own, indices[part])
    lists, = shares.fetch(known, indices)
    flags = np.empty(lists.shape, np.uint8)
    if not len(own):
        return flags[:0]
    table, first = numbers(lists), int(numbers(own[0]))

    def mark(start: int, end: int) -> None:
        mark_mutual(table, half, flags, first + start, first + end)

    fill_rows(mark, len(own), threads=threads)
    return flags[first:first + len(own)]


def _sets(indices: np.ndarray, sims: np.ndarray, flags: np.ndarray,
          features: np.ndarray, part: slice, half: int, numbers: Numbers,
          shares: Shares, threads: Optional[int]) -> RowRange:
    """Weights of the expanded sets of a part, not yet averaged."""
    own = _own_of(part, shares)
    listed = numbers.restart(own, indices[part])
    lists, marks = shares.fetch(listed, indices, flags)
    known = numbers.restart(listed, lists[:, :half][marks[:, :half] == 2])
    places = numbers(listed)
    table = np.zeros((len(known), indices.shape[1]), np.int32)
    table_marks = np.zeros(table.shape, np.uint8)
    table[places] = np.maximum(numbers(lists), 0)
    table_marks[places] = marks
    first = int(numbers(own[0])) if len(own) else 0
    table_sims = np.zeros(table.shape, np.float32)
    table_sims[first:first + len(own)] = sims[part]

    def expand(start: int, end: int) -> RowRange:
        return expanded_sets(table, table_sims, half, table_marks,
                             first + start, first + end)

    counts, columns, weights = joined(
        over_rows(expand, len(own), threads=threads))
    columns = known[columns].astype(np.int32)
    rows = np.repeat(np.arange(part.start, part.stop), counts)
    unknown = np.flatnonzero(np.isnan(weights))
    weights[unknown] = similarities(
        features, shares, rows[unknown], columns[unknown], threads)
    softmax_rows(counts, weights)
    return counts, columns, weights


def _average(encoding: SparseArrays, nearest: np.ndarray, numbers: Numbers,
             shares: Shares, threads: Optional[int]) -> RowRange:
    """Mean of the encodings of the nearest of some images."""
    wanted = numbers.restart(nearest)
    places = numbers(nearest)
    rows = fetch_sparse(shares, wanted, encoding)
    known = numbers.restart(rows.indices)
    counts, columns, weights = joined(over_rows(
        average_rows, len(nearest),
        rows._replace(indices=numbers(rows.indices)), places, len(known),
        threads=threads))
    return counts, known[columns].astype(np.int32), weights


def _stacked(parts: Iterable[RowRange]) -> SparseArrays:
    counts, columns, weights = joined(parts)
    return SparseArrays(np.r_[0, np.cumsum(counts)], columns, weights)
