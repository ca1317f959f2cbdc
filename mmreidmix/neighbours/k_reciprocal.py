"""k-reciprocal encodings of images, as a sparse matrix.

Zhong, Zheng, Cao, Li: Re-ranking Person Re-identification with k-reciprocal
Encoding, CVPR 2017 (``zhunzhong07/person-re-ranking``), in the variant of the
pseudo-label methods (``yxgeee/SpCL``): see :func:`k_reciprocal_encoding`.
"""

from typing import Optional

import numpy as np
from scipy import sparse

from mmreidmix.checks import check_choice, check_count

from .numba_kernels import compiled, fill_rows, over_rows
from .similarity import kernel_view, similarity
from .sparse_rows import (
    KERNELS,
    RowRange,
    SparseArrays,
    arrays_of,
    grow,
    join_rows,
    stack_rows,
)


@compiled
def mark_mutual(indices: np.ndarray, half: int, flags: np.ndarray, first: int,
                 last: int) -> None:
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


def _mark_mutual_numpy(indices: np.ndarray, half: int, flags: np.ndarray,
                       first: int, last: int) -> None:
    lists = indices[first:last]
    back = indices[lists] == np.arange(first, last)[:, None, None]
    flags[first:last] = back.any(axis=2)
    flags[first:last, :half] += back[:, :half, :half].any(axis=2)


@compiled
def expanded_sets(indices: np.ndarray, sims: np.ndarray, half: int,
                  flags: np.ndarray, first: int, last: int) -> RowRange:
    """Expanded k-reciprocal sets of some rows, with similarities.

    They are NaN for members that are not among the neighbours of the row.
    """
    num, k = indices.shape
    counts = np.zeros(last - first, np.int64)
    columns = np.empty((last - first) * 2 * k, np.int32)
    weights = np.empty((last - first) * 2 * k, np.float32)
    core = np.full(num, -1, np.int32)
    member = np.full(num, -1, np.int32)
    listed = np.full(num, -1, np.int32)
    listed_sim = np.empty(num, np.float32)
    used = 0
    for i in range(first, last):
        begin = used
        if used + k * (half + 1) > columns.size:
            columns = grow(columns, used + k * (half + 1))
            weights = grow(weights, columns.size)
        for a in range(k):
            j = indices[i, a]
            listed[j] = i
            listed_sim[j] = sims[i, a]
            if flags[i, a] > 0:
                core[j] = i
                member[j] = i
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
                if flags[c, b] == 2 and member[j] != i:
                    member[j] = i
                    columns[used] = j
                    used += 1
        for p in range(begin, used):
            j = columns[p]
            known = listed[j] == i
            weights[p] = listed_sim[j] if known else np.float32(np.nan)
        counts[i - first] = used - begin
    return counts, columns[:used].copy(), weights[:used].copy()


@compiled
def softmax_rows(counts: np.ndarray, weights: np.ndarray) -> None:
    """Turn similarities of rows of given lengths into weights, in place."""
    begin = 0
    for count in counts:
        total = 0.0
        for p in range(begin, begin + count):
            weights[p] = np.exp(2.0 * weights[p] - 2.0)
            total += weights[p]
        for p in range(begin, begin + count):
            weights[p] /= total
        begin += count


@compiled
def _encode(indices: np.ndarray, sims: np.ndarray, half: int,
            flags: np.ndarray, features: np.ndarray, first: int,
            last: int) -> RowRange:
    """Softmax weights of the expanded k-reciprocal sets of some rows."""
    counts, columns, weights = expanded_sets(
        indices, sims, half, flags, first, last)
    p = 0
    for i in range(first, last):
        for _ in range(counts[i - first]):
            if np.isnan(weights[p]):
                weights[p] = similarity(features, i, columns[p])
            p += 1
    softmax_rows(counts, weights)
    return counts, columns, weights


def _encode_numpy(indices: np.ndarray, sims: np.ndarray, half: int,
                  flags: np.ndarray, features: np.ndarray, first: int,
                  last: int) -> RowRange:
    rows = []
    for i in range(first, last):
        core = indices[i, flags[i] > 0]
        members = core
        for c in core:
            halves = indices[c, :half][flags[c, :half] == 2]
            shared = np.isin(halves, core).sum()
            if 3 * shared > 2 * len(halves):
                members = np.union1d(members, halves)
        sim = (features[members].astype(np.float64)
               @ features[i].astype(np.float64))
        _, own, place = np.intersect1d(
            members, indices[i], assume_unique=True, return_indices=True)
        sim[own] = sims[i, place]
        weight = np.exp(2 * sim - 2)
        rows.append((members, weight / weight.sum()))
    return join_rows(rows)


@compiled
def average_rows(encoding: SparseArrays, neighbours: np.ndarray, num: int,
                 first: int, last: int) -> RowRange:
    """Mean of the encodings of the neighbours of rows; num = columns."""
    k2 = neighbours.shape[1]
    counts = np.zeros(last - first, np.int64)
    columns = np.empty((last - first) * 64, np.int32)
    weights = np.empty((last - first) * 64, np.float32)
    sums = np.zeros(num, np.float64)
    member = np.full(num, -1, np.int32)
    used = 0
    for i in range(first, last):
        begin = used
        for a in range(k2):
            r = neighbours[i, a]
            low, high = encoding.indptr[r], encoding.indptr[r + 1]
            if used + high - low > columns.size:
                columns = grow(columns, used + high - low)
                weights = grow(weights, columns.size)
            for p in range(low, high):
                c = encoding.indices[p]
                if member[c] != i:
                    member[c] = i
                    sums[c] = 0.0
                    columns[used] = c
                    used += 1
                sums[c] += encoding.data[p]
        for p in range(begin, used):
            weights[p] = sums[columns[p]] / k2
        counts[i - first] = used - begin
    return counts, columns[:used].copy(), weights[:used].copy()


def _average_numpy(encoding: SparseArrays, neighbours: np.ndarray, num: int,
                   first: int, last: int) -> RowRange:
    rows = []
    for nearest in neighbours[first:last]:
        own = np.concatenate([
            np.arange(encoding.indptr[r], encoding.indptr[r + 1])
            for r in nearest])
        members, inverse = np.unique(
            encoding.indices[own], return_inverse=True)
        sums = np.bincount(inverse, encoding.data[own])
        rows.append((members, sums / len(nearest)))
    return join_rows(rows)


def k_reciprocal_encoding(indices: np.ndarray, sims: np.ndarray,
                          features: np.ndarray, k1: int = 30, k2: int = 6, *,
                          kernel: str = 'numba',
                          threads: Optional[int] = None) -> sparse.csr_matrix:
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
            k >= k1 and k >= k2, or all N images if there are fewer. A row
            names no image twice.
        sims (np.ndarray): (N, k) their cosine similarities.
        features (np.ndarray): (N, D) float32 or float16, L2-normalised, may
            be a memory map; it is never copied. Needed for members of a set
            that are not among the image's own neighbours.
        k1 (int): length of the neighbour lists.
        k2 (int): neighbours averaged over; 1 = none.
        kernel (str): 'numba', or 'numpy' = the plain twin, slow.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        scipy.sparse.csr_matrix: (N, N) float32, sorted columns, rows that
        sum to 1; memory O(N k).

    Raises:
        ValueError: k1 or k2 is not positive, the lists are too short, the
            shapes do not fit or the kernel is unknown.
    """
    check_choice('k_reciprocal_encoding', KERNELS, kernel=kernel)
    check_count('k_reciprocal_encoding', 1, k1=k1, k2=k2)
    num, width = indices.shape
    if sims.shape != indices.shape or len(features) != num:
        raise ValueError(
            f'sims {sims.shape} and features {features.shape} do not belong '
            f'to indices {indices.shape}: expected as many rows, and sims of '
            'the same shape')
    if features.dtype not in (np.float32, np.float16):
        raise ValueError(f'features: expected float32 or float16, got '
                         f'{features.dtype}; see normalise_rows()')
    if min(max(k1, k2), num) > width:
        raise ValueError(f'k1={k1}, k2={k2}: the neighbour lists hold only '
                         f'{width} images; search more neighbours')
    if num == 0:
        return sparse.csr_matrix((0, 0), dtype=np.float32)
    encoding = encode_sets(
        indices[:, :k1], sims[:, :k1], features,
        half=min(int(np.around(k1 / 2)) + 1, k1), kernel=kernel,
        threads=threads)
    encoding = average_encodings(
        encoding, indices[:, :k2], kernel=kernel, threads=threads)
    # Sorted columns make d(i, j) and d(j, i) sums in the same order.
    encoding.sort_indices()
    return encoding


def encode_sets(indices: np.ndarray, sims: np.ndarray, features: np.ndarray, *,
                half: int, kernel: str = 'numba',
                threads: Optional[int] = None) -> sparse.csr_matrix:
    """Steps 1 to 3 of :func:`k_reciprocal_encoding`; columns not sorted.

    Neighbour lists are used whole, the first ``half`` of them for H(c).
    """
    num = len(indices)
    half = min(half, num)
    indices = np.ascontiguousarray(indices, np.int32)
    sims = np.ascontiguousarray(sims, np.float32)
    mark, encode = _mark_mutual_numpy, _encode_numpy
    if kernel == 'numba':
        mark, encode = mark_mutual, _encode
        features = kernel_view(features)
    flags = np.empty(indices.shape, np.uint8)
    fill_rows(mark, num, indices, half, flags, threads=threads,
              what='mutual neighbours')
    return stack_rows(
        over_rows(encode, num, indices, sims, half, flags, features,
                  threads=threads, what='encoding'), num)


def average_encodings(encoding: sparse.csr_matrix, indices: np.ndarray, *,
                      kernel: str = 'numba',
                      threads: Optional[int] = None) -> sparse.csr_matrix:
    """Step 4 of :func:`k_reciprocal_encoding`; columns not sorted.

    Lists are (N, k2), used whole; for k2 = 1 the encoding is returned.
    """
    if indices.shape[1] == 1:
        return encoding
    num = len(indices)
    return stack_rows(
        over_rows(average_rows if kernel == 'numba' else _average_numpy, num,
                  arrays_of(encoding), np.ascontiguousarray(indices, np.int32),
                  num, threads=threads, what='query expansion'), num)
