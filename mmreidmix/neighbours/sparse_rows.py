"""Sparse matrices put together from ranges of rows."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from .numba_kernels import compiled

#: Compiled kernels, and their plain twins that show what they compute.
KERNELS = ('numba', 'numpy')

#: Entries per row, columns and values of consecutive rows.
RowRange = tuple[np.ndarray, np.ndarray, np.ndarray]


class SparseArrays(NamedTuple):
    """Arrays of a CSR or CSC matrix, as kernels take them."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray


def arrays_of(matrix: Any) -> SparseArrays:
    """Arrays of a CSR or CSC matrix, ``indptr`` as int64."""
    return SparseArrays(matrix.indptr.astype(np.int64), matrix.indices,
                        matrix.data)


@compiled
def grow(array: np.ndarray, size: int) -> np.ndarray:
    """A copy with room for ``size`` entries, at least twice as many."""
    larger = np.empty(max(size, 2 * array.size), array.dtype)
    larger[:array.size] = array
    return larger


def join_rows(rows: list[tuple[np.ndarray, np.ndarray]]) -> RowRange:
    """Join the columns and values of single rows."""
    columns, values = zip(*rows)
    return (np.array([len(part) for part in columns], np.int64),
            np.concatenate(columns).astype(np.int32),
            np.concatenate(values).astype(np.float32))


def joined(parts: Iterable[RowRange]) -> RowRange:
    """Join consecutive ranges of rows."""
    counts, columns, values = zip(
        (np.empty(0, np.int64), np.empty(0, np.int32),
         np.empty(0, np.float32)), *parts)
    return (np.concatenate(counts), np.concatenate(columns),
            np.concatenate(values))


def stack_rows(parts: Iterable[RowRange], num: int) -> sparse.csr_matrix:
    """Join consecutive ranges of rows to a (num, num) matrix.

    They are consumed one by one, so that a generator keeps the peak low. The
    index type is int32, or int64 from 2^31 entries on, as SciPy demands.
    """
    counts = [np.zeros(1, np.int64)]
    columns, values = np.empty(0, np.int32), np.empty(0, np.float32)
    used = 0
    for part_counts, part_columns, part_values in parts:
        counts.append(part_counts)
        end = used + len(part_columns)
        if end > len(columns):
            # In place: a concatenation of all parts would hold them twice.
            size = max(end, len(columns) * 3 // 2)
            columns.resize(size, refcheck=False)
            values.resize(size, refcheck=False)
        columns[used:end] = part_columns
        values[used:end] = part_values
        used = end
    columns.resize(used, refcheck=False)
    values.resize(used, refcheck=False)
    return sparse.csr_matrix(
        (values, columns, np.cumsum(np.concatenate(counts))),
        shape=(num, num))


@compiled
def _mirror(upper: SparseArrays, ends: np.ndarray, columns: np.ndarray,
            values: np.ndarray) -> None:
    """Entries (i, j) and (j, i) of an upper triangle; ends = row starts."""
    for i in range(upper.indptr.size - 1):
        for p in range(upper.indptr[i], upper.indptr[i + 1]):
            j = upper.indices[p]
            # Rows < i have put all entries left of the diagonal in place.
            columns[ends[i]] = j
            values[ends[i]] = upper.data[p]
            ends[i] += 1
            columns[ends[j]] = i
            values[ends[j]] = upper.data[p]
            ends[j] += 1


def mirrored(upper: sparse.csr_matrix, kernel: str) -> sparse.csr_matrix:
    """The symmetric matrix of a strict upper triangle; both sorted.

    Stored zeros stay: a sum of sparse matrices would drop them.
    """
    num = upper.shape[0]
    if kernel == 'numpy':
        half = upper.tocoo()
        places = np.hstack([[half.row, half.col], [half.col, half.row]])
        return sparse.csr_matrix(
            (np.tile(half.data, 2), places), shape=upper.shape)
    counts = np.diff(upper.indptr) + np.bincount(upper.indices, minlength=num)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    columns = np.empty(indptr[-1], np.int32)
    values = np.empty(indptr[-1], upper.dtype)
    _mirror(arrays_of(upper), indptr[:-1].copy(), columns, values)
    return sparse.csr_matrix((values, columns, indptr), shape=upper.shape)


def similar_rows_together(nearest: np.ndarray) -> np.ndarray:
    """An order of rows in which similar ones come after each other.

    For each of (N,) rows one that is ``nearest`` gives the connected
    components of these pairs, one by one: (N,) int32, a permutation.
    """
    num = len(nearest)
    links = sparse.csr_matrix(
        (np.ones(num, bool), nearest, np.arange(num + 1)), shape=(num, num))
    _, component = connected_components(links, directed=False)
    return np.argsort(component, kind='stable').astype(np.int32)


def permuted(matrix: sparse.csr_matrix,
             order: np.ndarray) -> sparse.csr_matrix:
    """Make row and column ``order[r]`` number r; columns are not sorted."""
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    rows = matrix[order]
    return sparse.csr_matrix(
        (rows.data, rank[rows.indices], rows.indptr), shape=matrix.shape)
