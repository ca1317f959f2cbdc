"""Jaccard distances of sparse encodings, only of pairs within a radius."""

from collections.abc import Iterable, Iterator
from typing import Optional

import numpy as np
from scipy import sparse

from mmreidmix.checks import check_choice
from mmreidmix.neighbours.numba_kernels import compiled, over_rows
from mmreidmix.neighbours.sparse_rows import (
    KERNELS,
    RowRange,
    SparseArrays,
    arrays_of,
    grow,
    join_rows,
    mirrored,
    permuted,
    similar_rows_together,
    stack_rows,
)


@compiled
def strongest(encoding: SparseArrays, start: int) -> np.ndarray:
    """Of each row the other column of the largest weight, else itself.

    The first row is that of column ``start``.
    """
    num = encoding.indptr.size - 1
    columns = np.arange(start, start + num).astype(np.int32)
    for i in range(num):
        best = 0.0
        for p in range(encoding.indptr[i], encoding.indptr[i + 1]):
            if (encoding.data[p] > best
                    and encoding.indices[p] != start + i):
                best = encoding.data[p]
                columns[i] = encoding.indices[p]
    return columns


@compiled
def pairs_within(encoding: SparseArrays, inverted: SparseArrays, num: int,
                 after: int, radius: float, limit: int, first: int,
                 last: int) -> RowRange:
    """Pairs i + after < j within the radius, for rows i of the range.

    The inverted lists are those of ``num`` rows j.
    """
    rows, row_weights = inverted.indices, inverted.data
    counts = np.zeros(last - first, np.int64)
    partners = np.empty((last - first) * 32, np.int32)
    distances = np.empty((last - first) * 32, np.float32)
    shared = np.zeros(num, np.float64)
    touched = np.empty(num, np.int32)
    used = 0
    for i in range(first, last):
        size = 0
        for p in range(encoding.indptr[i], encoding.indptr[i + 1]):
            weight = encoding.data[p]
            low = inverted.indptr[encoding.indices[p]]
            end = inverted.indptr[encoding.indices[p] + 1]
            high = end
            if low < end and rows[low] > i + after:
                high = low
            while low < high:
                middle = (low + high) // 2
                if rows[middle] <= i + after:
                    low = middle + 1
                else:
                    high = middle
            for q in range(low, end):
                j = rows[q]
                if shared[j] == 0.0:
                    touched[size] = j
                    size += 1
                shared[j] += min(weight, row_weights[q])
        if used + size > partners.size:
            partners = grow(partners, used + size)
            distances = grow(distances, partners.size)
        begin = used
        for t in range(size):
            j = touched[t]
            total = shared[j]
            shared[j] = 0.0
            distance = np.float32(max(0.0, 1.0 - total / (2.0 - total)))
            if distance <= radius:
                partners[used] = j
                distances[used] = distance
                used += 1
        counts[i - first] = used - begin
        if used > limit:
            break
    return counts, partners[:used].copy(), distances[:used].copy()


def _pairs_numpy(encoding: SparseArrays, inverted: SparseArrays, num: int,
                 after: int, radius: float, limit: int, first: int,
                 last: int) -> RowRange:
    pairs = []
    for i in range(first, last):
        own = slice(encoding.indptr[i], encoding.indptr[i + 1])
        lists = [slice(inverted.indptr[c], inverted.indptr[c + 1])
                 for c in encoding.indices[own]]
        others = np.concatenate([inverted.indices[part] for part in lists])
        lower = np.concatenate([
            np.minimum(weight, inverted.data[part])
            for weight, part in zip(encoding.data[own], lists)])
        total = np.bincount(others, lower, minlength=num)
        distance = np.maximum(0, 1 - total / (2 - total)).astype(np.float32)
        near = np.flatnonzero((distance <= radius) & (total > 0))
        near = near[near > i + after]
        pairs.append((near, distance[near]))
    return join_rows(pairs)


class CollapsedFeaturesError(ValueError):
    """Nearly all images are alike: there is nothing to cluster."""


def _clean(encoding: sparse.spmatrix) -> sparse.csr_matrix:
    """Sorted float32 rows without stored zeros; the input where it is so."""
    encoding = encoding.tocsr()
    if (encoding.dtype == np.float32 and encoding.has_sorted_indices
            and encoding.data.all()):
        return encoding
    encoding = encoding.astype(np.float32)
    encoding.eliminate_zeros()
    encoding.sort_indices()
    return encoding


def _at_most(max_pairs: int, parts: Iterable[RowRange], num: int,
             radius: float) -> Iterator[RowRange]:
    pairs = 0
    for part in parts:
        pairs += len(part[1])
        if pairs > max_pairs:
            raise CollapsedFeaturesError(
                f'more than max_pairs={max_pairs} of the pairs of {num} '
                f'images are within the radius {radius}: the features have '
                'probably collapsed; look at the model, lower the radius '
                'or raise max_pairs')
        yield part


def _graph(encoding: sparse.csr_matrix, radius: float, max_pairs: int,
           kernel: str, threads: Optional[int]) -> sparse.csr_matrix:
    num = encoding.shape[0]
    parts = over_rows(
        pairs_within if kernel == 'numba' else _pairs_numpy, num,
        arrays_of(encoding), arrays_of(encoding.tocsc()), num, 0, radius,
        max_pairs, threads=threads,
        what='Jaccard pairs')
    upper = stack_rows(_at_most(max_pairs, parts, num, radius), num)
    del parts  # and the inverted lists
    upper.sort_indices()
    return mirrored(upper, kernel)


def jaccard_graph(encoding: sparse.csr_matrix, radius: float, *,
                  max_pairs: Optional[int] = None, kernel: str = 'numba',
                  threads: Optional[int] = None) -> sparse.csr_matrix:
    """Jaccard distances of all pairs of images within a radius.

    d(i, j) = 1 - s / (2 - s) with s = sum_c min(V_ic, V_jc), V the encoding.
    Only pairs that share a column are ever looked at (inverted lists).

    Args:
        encoding (scipy.sparse.csr_matrix): (N, N), rows that sum to 1, see
            :func:`k_reciprocal_encoding`.
        radius (float): largest distance that is stored, in (0, 1).
        max_pairs (int, optional): upper bound on pairs, a guard of time and
            memory against collapsed features, whose pairs are all near;
            default 1000 per image, at most 200 million.
        kernel (str): 'numba', or 'numpy' = the plain twin, slow.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        scipy.sparse.csr_matrix: (N, N) float32, exactly symmetric, sorted
        columns, without diagonal. Distances of 0 (duplicates) are explicit
        entries: never call ``eliminate_zeros`` on it.

    Raises:
        ValueError: the radius or the kernel is not allowed.
        CollapsedFeaturesError: more than ``max_pairs`` pairs are within the
            radius, as when the features have collapsed to a point.
    """
    if not 0 < radius < 1:
        raise ValueError(f'radius={radius}: expected a number in (0, 1)')
    check_choice('jaccard_graph', KERNELS, kernel=kernel)
    num = encoding.shape[0]
    if num == 0:
        return sparse.csr_matrix((0, 0), dtype=np.float32)
    encoding = _clean(encoding)
    if max_pairs is None:
        max_pairs = min(1000 * num, 200_000_000)
    limits = np.float32(radius), max_pairs
    if kernel == 'numpy':
        return _graph(encoding, *limits, kernel, threads)
    # Images that share columns side by side: what is read for one is still in
    # the processor's cache for the next, which is twice as fast.
    order = similar_rows_together(strongest(arrays_of(encoding), 0))
    graph = _graph(permuted(encoding, order), *limits, kernel, threads)
    graph = permuted(graph, np.argsort(order).astype(np.int32))
    graph.sort_indices()
    return graph
