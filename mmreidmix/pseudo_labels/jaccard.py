"""Jaccard distance of k-reciprocal encodings, as sparse matrices.

Zhong, Zheng, Cao, Li: Re-ranking Person Re-identification with k-reciprocal
Encoding, CVPR 2017 (``zhunzhong07/person-re-ranking``), in the variant of the
pseudo-label methods (``yxgeee/SpCL``): see :func:`k_reciprocal_encoding`.
"""
import numpy as np
from scipy import sparse

from .compiled import compiled, over_rows
from .neighbours import _similarity


@compiled
def _grow(array, size):
    larger = np.empty(max(size, 2 * array.size), array.dtype)
    larger[:array.size] = array
    return larger


@compiled
def _reciprocal(indices, half, flags, first, last):
    """Fill flags: 1 = mutual in the whole lists, 2 = in the halves too."""
    k = indices.shape[1]
    for i in range(first, last):
        for a in range(k):
            j = indices[i, a]
            flags[i, a] = 0
            for b in range(k):
                if indices[j, b] == i:
                    flags[i, a] = 2 if a < half and b < half else 1
                    break


@compiled
def _encode(indices, sims, half, flags, features, first, last):
    """Softmax weights of the expanded k-reciprocal sets of some rows."""
    num, k = indices.shape
    counts = np.zeros(last - first, np.int64)
    columns = np.empty((last - first) * 2 * k, np.int32)
    weights = np.empty((last - first) * 2 * k, np.float32)
    core = np.full(num, -1, np.int32)
    taken = np.full(num, -1, np.int32)
    listed = np.full(num, -1, np.int32)
    listed_sim = np.empty(num, np.float32)
    used = 0
    for i in range(first, last):
        begin = used
        if used + k * (half + 1) > columns.size:
            columns = _grow(columns, used + k * (half + 1))
            weights = _grow(weights, columns.size)
        for a in range(k):
            j = indices[i, a]
            listed[j] = i
            listed_sim[j] = sims[i, a]
            if flags[i, a] > 0:
                core[j] = i
                taken[j] = i
                columns[used] = j
                used += 1
        for a in range(k):
            if flags[i, a] == 0:
                continue
            c = indices[i, a]
            size = 0
            shared = 0
            for b in range(half):
                if flags[c, b] == 2:
                    size += 1
                    if core[indices[c, b]] == i:
                        shared += 1
            if 3 * shared <= 2 * size:
                continue
            for b in range(half):
                j = indices[c, b]
                if flags[c, b] == 2 and taken[j] != i:
                    taken[j] = i
                    columns[used] = j
                    used += 1
        total = 0.0
        for p in range(begin, used):
            j = columns[p]
            sim = listed_sim[j]
            if listed[j] != i:
                sim = _similarity(features, i, j)
            weights[p] = np.exp(2.0 * sim - 2.0)
            total += weights[p]
        for p in range(begin, used):
            weights[p] /= total
        counts[i - first] = used - begin
    return counts, columns[:used].copy(), weights[:used].copy()


@compiled
def _average(indptr, columns, weights, neighbours, first, last):
    """Mean of the encodings of each image's nearest neighbours."""
    num, k2 = neighbours.shape
    counts = np.zeros(last - first, np.int64)
    out_columns = np.empty((last - first) * 64, np.int32)
    out_weights = np.empty((last - first) * 64, np.float32)
    sums = np.zeros(num, np.float64)
    seen = np.full(num, -1, np.int32)
    used = 0
    for i in range(first, last):
        begin = used
        for a in range(k2):
            r = neighbours[i, a]
            if used + indptr[r + 1] - indptr[r] > out_columns.size:
                out_columns = _grow(out_columns,
                                    used + indptr[r + 1] - indptr[r])
                out_weights = _grow(out_weights, out_columns.size)
            for p in range(indptr[r], indptr[r + 1]):
                c = columns[p]
                if seen[c] != i:
                    seen[c] = i
                    sums[c] = 0.0
                    out_columns[used] = c
                    used += 1
                sums[c] += weights[p]
        for p in range(begin, used):
            out_weights[p] = sums[out_columns[p]] / k2
        counts[i - first] = used - begin
    return counts, out_columns[:used].copy(), out_weights[:used].copy()


def _stack(parts, num):
    """Rows from (counts, columns, values) of consecutive row ranges."""
    counts, columns, values = zip(*parts)
    indptr = np.zeros(num + 1, np.int64)
    np.cumsum(np.concatenate(counts), out=indptr[1:])
    return sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(columns), indptr),
        shape=(num, num))


def k_reciprocal_encoding(indices, sims, features, k1=30, k2=6, *,
                          threads=None):
    """Encode every image by weights over its k-reciprocal neighbours.

    With L(i, k) the first k neighbours of image i, i itself among them:

    1. R(i, k) = the j in L(i, k) that have i in L(j, k);
    2. the set of i is R(i, k1), joined with H(c) = R(c, round(k1 / 2) + 1)
       for every c in R(i, k1) of which more than 2/3 of H(c) lie in R(i, k1);
    3. weights = softmax of -d over this set, d = 2 - 2 cos = the *squared*
       Euclidean distance of the normalised features;
    4. k2 > 1: the mean of the encodings of L(i, k2) (local query expansion).

    This is the variant of SpCL: its lists hold k1 images including i itself
    (k1 + 1 in the original), and it uses the squared distance within the set
    where the original scales distances to a maximum of 1.

    Args:
        indices (np.ndarray): (N, k) neighbours of :func:`neighbours.knn`,
            k >= k1 and k >= k2, or all N images if there are fewer.
        sims (np.ndarray): (N, k) their cosine similarities.
        features (np.ndarray): (N, D) float32, L2-normalised; needed for
            members of a set that are not among the image's own neighbours.
        k1 (int): Length of the neighbour lists.
        k2 (int): Neighbours averaged over; 1 = none.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        scipy.sparse.csr_matrix: (N, N) float32, sorted columns, rows that
        sum to 1; memory O(N k).

    Raises:
        ValueError: If k1 or k2 is not positive or the lists are too short.
    """
    num, width = indices.shape
    for name, value in (('k1', k1), ('k2', k2)):
        if value < 1:
            raise ValueError(f'{name}={value}: expected at least 1')
        if min(value, num) > width:
            raise ValueError(f'{name}={value}: the neighbour lists hold only '
                             f'{width} images; search more neighbours')
    if num == 0:
        return sparse.csr_matrix((0, 0), dtype=np.float32)
    half = min(int(np.around(k1 / 2)) + 1, k1, num)
    near = np.ascontiguousarray(indices[:, :k1], np.int32)
    near_sims = np.ascontiguousarray(sims[:, :k1], np.float32)
    features = np.ascontiguousarray(features, np.float32)
    flags = np.empty(near.shape, np.uint8)
    for _ in over_rows(_reciprocal, num, near, half, flags, threads=threads):
        pass
    encoding = _stack(
        over_rows(_encode, num, near, near_sims, half, flags, features,
                  threads=threads), num)
    if k2 > 1:
        nearest = np.ascontiguousarray(indices[:, :k2], np.int32)
        encoding = _stack(
            over_rows(_average, num, encoding.indptr.astype(np.int64),
                      encoding.indices, encoding.data, nearest,
                      threads=threads), num)
    # Sorted columns make d(i, j) and d(j, i) sums in the same order.
    encoding.sort_indices()
    return encoding


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
            partners = _grow(partners, used + met)
            distances = _grow(distances, partners.size)
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


def _mirrored(upper):
    """The symmetric matrix of an upper triangle; keeps stored zeros.

    A sum of sparse matrices would drop them.
    """
    upper.sort_indices()
    lower = upper.T.tocsr()
    indptr = upper.indptr + lower.indptr
    joined = sparse.csr_matrix(
        (np.empty(2 * upper.nnz, upper.dtype),
         np.empty(2 * upper.nnz, upper.indices.dtype), indptr),
        shape=upper.shape)
    # Row by row the entries left of the diagonal, then those right of it.
    for part, shift in ((lower, upper.indptr[:-1]), (upper,
                                                     lower.indptr[1:])):
        place = np.repeat(shift, np.diff(part.indptr))
        place += np.arange(part.nnz, dtype=place.dtype)
        joined.indices[place] = part.indices
        joined.data[place] = part.data
    return joined


class CollapsedFeaturesError(ValueError):
    """Nearly all images are alike: there is nothing to cluster."""


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
    if kernel not in ('numba', 'numpy'):
        raise ValueError(f"kernel={kernel!r}: expected 'numba' or 'numpy'")
    num = encoding.shape[0]
    if num == 0:
        return sparse.csr_matrix((0, 0), dtype=np.float32)
    encoding = encoding.tocsr().astype(np.float32)
    encoding.eliminate_zeros()
    encoding.sort_indices()
    inverted = encoding.tocsc()
    if max_pairs is None:
        max_pairs = min(1000 * num, 200_000_000)
    parts, pairs = [], 0
    for part in over_rows(
            _pairs if kernel == 'numba' else _pairs_numpy, num,
            encoding.indptr.astype(np.int64), encoding.indices,
            encoding.data, inverted.indptr.astype(np.int64),
            inverted.indices, inverted.data, np.float32(radius), max_pairs,
            threads=threads):
        parts.append(part)
        pairs += len(part[1])
        if pairs > max_pairs:
            raise CollapsedFeaturesError(
                f'more than max_pairs={max_pairs} of the pairs of {num} '
                f'images are within the radius {radius}: the features have '
                'probably collapsed; look at the model, lower the radius '
                'or raise max_pairs')
    upper = _stack(parts, num)
    del parts
    return _mirrored(upper)
