"""Jaccard distances of sparse encodings, only of pairs within a radius."""
import numpy as np
from scipy import sparse

from mmreidmix.neighbours.numba_kernels import compiled
from mmreidmix.neighbours.sparse_rows import (
    check_kernel,
    grow,
    in_chunks,
    mirrored,
    permuted,
    similar_together,
    stack,
)


@compiled
def _strongest(indptr, columns, weights):
    """Of each row the other column of the largest weight, else itself."""
    num = indptr.size - 1
    strongest = np.arange(num).astype(np.int32)
    for i in range(num):
        best = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            if weights[p] > best and columns[p] != i:
                best = weights[p]
                strongest[i] = columns[p]
    return strongest


@compiled
def _pairs(indptr, columns, weights, starts, rows, row_weights, radius, limit,
           first, last):
    """Pairs i < j within the radius, for rows i of the range."""
    num = indptr.size - 1
    counts = np.zeros(last - first, np.int64)
    partners = np.empty((last - first) * 32, np.int32)
    distances = np.empty((last - first) * 32, np.float32)
    shared = np.zeros(num, np.float64)
    touched = np.empty(num, np.int32)
    used = 0
    for i in range(first, last):
        met = 0
        for p in range(indptr[i], indptr[i + 1]):
            weight = weights[p]
            low = starts[columns[p]]
            end = starts[columns[p] + 1]
            high = end
            while low < high:
                middle = (low + high) // 2
                if rows[middle] <= i:
                    low = middle + 1
                else:
                    high = middle
            for q in range(low, end):
                j = rows[q]
                if shared[j] == 0.0:
                    touched[met] = j
                    met += 1
                shared[j] += min(weight, row_weights[q])
        if used + met > partners.size:
            partners = grow(partners, used + met)
            distances = grow(distances, partners.size)
        begin = used
        for t in range(met):
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


def _pairs_numpy(indptr, columns, weights, starts, rows, row_weights, radius,
                 limit, first, last):
    """The plain twin of :func:`_pairs`."""
    counts, partners, distances = [], [], []
    for i in range(first, last):
        own = slice(indptr[i], indptr[i + 1])
        lists = [slice(starts[c], starts[c + 1]) for c in columns[own]]
        others = np.concatenate([rows[part] for part in lists])
        lower = np.concatenate([
            np.minimum(weight, row_weights[part])
            for weight, part in zip(weights[own], lists)])
        total = np.bincount(others, lower, minlength=len(indptr) - 1)
        distance = np.maximum(0, 1 - total / (2 - total)).astype(np.float32)
        near = np.flatnonzero((distance <= radius) & (total > 0))
        near = near[near > i]
        counts.append(len(near))
        partners.append(near.astype(np.int32))
        distances.append(distance[near])
    return (np.array(counts, np.int64), np.concatenate(partners),
            np.concatenate(distances))


class CollapsedFeaturesError(ValueError):
    """Nearly all images are alike: there is nothing to cluster."""


def _clean(encoding):
    """Sorted float32 rows without stored zeros; the input where it is so."""
    encoding = encoding.tocsr()
    if (encoding.dtype == np.float32 and encoding.has_sorted_indices
            and encoding.data.all()):
        return encoding
    encoding = encoding.astype(np.float32)
    encoding.eliminate_zeros()
    encoding.sort_indices()
    return encoding


def _guarded(parts, max_pairs, num, radius):
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


def _graph(encoding, radius, max_pairs, kernel, threads):
    num = encoding.shape[0]
    inverted = encoding.tocsc()
    parts = in_chunks(
        _pairs if kernel == 'numba' else _pairs_numpy, num,
        encoding.indptr.astype(np.int64), encoding.indices, encoding.data,
        inverted.indptr.astype(np.int64), inverted.indices, inverted.data,
        radius, max_pairs, threads=threads, what='Jaccard pairs')
    upper = stack(_guarded(parts, max_pairs, num, radius), num)
    del inverted, parts
    upper.sort_indices()
    return mirrored(upper, kernel)


def jaccard_graph(encoding, radius, *, max_pairs=None, kernel='numba',
                  threads=None):
    """Jaccard distances of all pairs of images within a radius.

    d(i, j) = 1 - s / (2 - s) with s = sum_c min(V_ic, V_jc), V the encoding.
    Only pairs that share a column are ever looked at (inverted lists).

    Args:
        encoding (scipy.sparse.csr_matrix): (N, N), rows that sum to 1, see
            :func:`k_reciprocal_encoding`.
        radius (float): Largest distance kept, in (0, 1).
        max_pairs (int, optional): Upper bound on pairs, a guard of time and
            memory against collapsed features, whose pairs are all near;
            default 1000 per image, at most 200 million.
        kernel (str): 'numba', or 'numpy' = the plain twin, slow.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        scipy.sparse.csr_matrix: (N, N) float32, exactly symmetric, sorted
        columns, without diagonal. Distances of 0 (duplicates) are explicit
        entries: never call ``eliminate_zeros`` on it.

    Raises:
        ValueError: If the radius or the kernel is not allowed.
        CollapsedFeaturesError: If more than ``max_pairs`` pairs are within
            the radius, as when the features have collapsed to a point.
    """
    if not 0 < radius < 1:
        raise ValueError(f'radius={radius}: expected a number in (0, 1)')
    check_kernel(kernel)
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
    order = similar_together(
        _strongest(encoding.indptr, encoding.indices, encoding.data))
    graph = _graph(permuted(encoding, order), *limits, kernel, threads)
    graph = permuted(graph, np.argsort(order).astype(np.int32))
    graph.sort_indices()
    return graph
