"""Sparse matrices put together from ranges of rows."""
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from .numba_kernels import compiled, over_rows
from .progress import Progress

KERNELS = ('numba', 'numpy')


@compiled
def grow(array, size):
    """A copy with room for ``size`` entries, at least twice as many."""
    larger = np.empty(max(size, 2 * array.size), array.dtype)
    larger[:array.size] = array
    return larger


def check_kernel(kernel):
    """Refuse anything but the names in ``KERNELS``."""
    if kernel not in KERNELS:
        raise ValueError(f"kernel={kernel!r}: expected 'numba' or 'numpy'")


def in_chunks(kernel, num, *arrays, threads, what):
    """:func:`over_rows` with progress, for kernels with O(N) scratch arrays.

    Every range of rows sets up its own, so their number must not grow
    with N.
    """
    chunk = max(1024, num // 64)
    progress = Progress(what, num)
    for part in over_rows(
            kernel, num, *arrays, threads=threads, chunk=chunk):
        progress.add(chunk)
        yield part


def stack(parts, num):
    """Join rows of consecutive ranges to a matrix.

    Args:
        parts (Iterable[tuple]): counts per row, columns, values of a range;
            consumed one by one, so that a generator keeps the peak low.
        num (int): Rows and columns.

    Returns:
        scipy.sparse.csr_matrix: (num, num). Its index type is int32, or
        int64 from 2^31 entries on, as SciPy demands.
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
def _mirror(indptr, columns, values, ends, out_columns, out_values):
    """Entries (i, j) and (j, i) of an upper triangle; ends = row starts."""
    for i in range(indptr.size - 1):
        for p in range(indptr[i], indptr[i + 1]):
            j = columns[p]
            # Rows < i have put all entries left of the diagonal in place.
            out_columns[ends[i]] = j
            out_values[ends[i]] = values[p]
            ends[i] += 1
            out_columns[ends[j]] = i
            out_values[ends[j]] = values[p]
            ends[j] += 1


def _mirror_numpy(indptr, columns, values, ends, out_columns, out_values):
    """The plain twin of :func:`_mirror`."""
    rows = np.repeat(np.arange(len(ends)), np.diff(indptr))
    both_rows = np.concatenate([rows, columns])
    both_columns = np.concatenate([columns, rows])
    order = np.lexsort((both_columns, both_rows))
    out_columns[:] = both_columns[order]
    out_values[:] = np.concatenate([values, values])[order]


def mirrored(upper, kernel):
    """The symmetric matrix of a strict upper triangle; keeps stored zeros.

    A sum of sparse matrices would drop them.

    Args:
        upper (scipy.sparse.csr_matrix): Sorted columns, right of the
            diagonal.
        kernel (str): One of ``KERNELS``.

    Returns:
        scipy.sparse.csr_matrix: Sorted columns.
    """
    num = upper.shape[0]
    counts = np.diff(upper.indptr) + np.bincount(upper.indices, minlength=num)
    indptr = np.zeros(num + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    columns = np.empty(indptr[-1], np.int32)
    values = np.empty(indptr[-1], upper.dtype)
    (_mirror if kernel == 'numba' else _mirror_numpy)(
        upper.indptr, upper.indices, upper.data, indptr[:-1].copy(), columns,
        values)
    return sparse.csr_matrix((values, columns, indptr), shape=upper.shape)


def similar_together(nearest):
    """An order of rows in which similar ones come after each other.

    Args:
        nearest (np.ndarray): (N,) for each row one that is similar.

    Returns:
        np.ndarray: (N,) int32, a permutation: the connected components of the
        pairs (i, nearest[i]), one by one.
    """
    num = len(nearest)
    links = sparse.csr_matrix(
        (np.ones(num, bool), nearest, np.arange(num + 1)), shape=(num, num))
    _, component = connected_components(links, directed=False)
    return np.argsort(component, kind='stable').astype(np.int32)


@compiled
def _permute(indptr, columns, values, order, rank, ends, out_columns,
             out_values):
    for r in range(order.size):
        place = ends[r]
        for p in range(indptr[order[r]], indptr[order[r] + 1]):
            out_columns[place] = rank[columns[p]]
            out_values[place] = values[p]
            place += 1


def permuted(matrix, order):
    """The matrix with its rows and columns in another order.

    Args:
        matrix (scipy.sparse.csr_matrix): (N, N).
        order (np.ndarray): (N,) int32, row and column ``order[r]`` become
            number r.

    Returns:
        scipy.sparse.csr_matrix: (N, N), columns not sorted.
    """
    num = len(order)
    rank = np.empty(num, np.int32)
    rank[order] = np.arange(num, dtype=np.int32)
    indptr = np.zeros(num + 1, np.int64)
    np.cumsum(np.diff(matrix.indptr)[order], out=indptr[1:])
    columns, values = np.empty_like(matrix.indices), np.empty_like(matrix.data)
    _permute(matrix.indptr, matrix.indices, matrix.data, order, rank, indptr,
             columns, values)
    return sparse.csr_matrix((values, columns, indptr), shape=(num, num))
