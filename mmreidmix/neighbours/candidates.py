"""Lists of candidates, filled from rough products, settled exactly.

A list keeps every image that may be among the k nearest, given the bound of
the error of its rough similarity.
"""
import threading

import numpy as np

from .numba_kernels import compiled, over_rows
from .similarity import refine, widen

# Constant lengths make inner loops fast vector code: images that are looked at
# together, and rows and columns that are transposed at a time.
_CHUNK = 64
_BLOCK = 16
# Rows of one call.
_ROWS = 128
# Images of one group, of which only the nearest counts for the first floor.
_GROUP = 16


@compiled
def _kth_largest(values, k):
    """The k-th largest value; the order of the values changes (Hoare)."""
    # numba takes 8 s to compile its np.partition, and no time for this.
    low, high = 0, values.size - 1
    while low < high:
        pivot = values[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while values[left] > pivot:
                left += 1
            while values[right] < pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if k - 1 <= right:
            high = right
        elif k - 1 >= left:
            low = left
        else:
            break
    return values[k - 1]


@compiled
def _floor_below(best, error, rounding):
    """The lowest value of an image that may be as near as one of ``best``.

    A value v is wrong by at most error + rounding * abs(v).
    """
    floor = best - rounding * abs(best) - np.float32(2) * error
    return floor / (1 + rounding if floor > 0 else 1 - rounding)


@compiled
def _shorten(s, images, values, counts, floors, errors, rounding, k):
    """Drop the candidates of list s that cannot be among its first k."""
    count = counts[s]
    if count <= k:
        return
    best = _kth_largest(values[s, :count].copy(), k)
    floors[s] = _floor_below(best, errors[s], rounding)
    kept = 0
    for p in range(count):
        if values[s, p] >= floors[s]:
            images[s, kept] = images[s, p]
            values[s, kept] = values[s, p]
            kept += 1
    counts[s] = kept


@compiled
def _push(s, image, value, images, values, counts, limits, floors, errors,
          rounding, k):
    images[s, counts[s]] = image
    values[s, counts[s]] = value
    counts[s] += 1
    if counts[s] < limits[s]:
        return
    _shorten(s, images, values, counts, floors, errors, rounding, k)
    # Short lists at first, so that the floor rises early.
    limits[s] = min(counts[s] + 2 * k, images.shape[1])
    if counts[s] == limits[s]:  # too many near-ties
        counts[s] = -1
        floors[s] = np.inf


@compiled
def _first_floor(row, shifts, s, floors, error, rounding, k):
    """A floor for an empty list, so that few images come before the nearest.

    k of the groups that a row is dealt into have an image as near as the
    k-th best of the groups' best.
    """
    num = row.size // _GROUP
    if num < 2 * k:
        return
    best = np.full(num, -np.inf, np.float32)
    for begin in range(0, num * _GROUP, num):
        for c in range(num):  # this loop becomes vector code
            value = widen(row[begin + c]) + shifts[begin + c]
            best[c] = value if value > best[c] else best[c]
    floors[s] = _floor_below(_kth_largest(best, k), error, rounding)


@compiled
def _offer(row, shifts, others, s, images, values, counts, limits, floors,
           errors, rounding, k):
    """Offer images to list s, by one row of the product."""
    for begin in range(0, row.size, _CHUNK):
        size = min(_CHUNK, row.size - begin)
        part = row[begin:begin + size]
        shift = shifts[begin:begin + size]
        floor = floors[s]
        if size == _CHUNK:
            above = 0
            for c in range(_CHUNK):
                above += widen(part[c]) + shift[c] >= floor
            if above == 0:
                continue
        for c in range(size):
            value = widen(part[c]) + shift[c]
            if value >= floors[s]:
                _push(s, others[begin + c], value, images, values, counts,
                      limits, floors, errors, rounding, k)


@compiled
def serve(product, own, shifts, others, images, values, counts, limits,
          floors, errors, rounding, k, first, last):
    """Offer the images of the columns to the lists of the rows."""
    for r in range(first, last):
        s = own + r
        if counts[s] == 0:
            _first_floor(product[r], shifts, s, floors, errors[s], rounding,
                         k)
        _offer(product[r], shifts, others, s, images, values, counts, limits,
               floors, errors, rounding, k)


def over_product(offer, product, a, c, num_lists, threads=None):
    """Offer the images of a product to each other's lists.

    Args:
        offer (callable): offer(product, own, others, first, last) offers the
            images of the columns, the slice ``others``, to the lists of some
            rows; row 0 is image ``own``.
        product (np.ndarray): (R, C).
        a (int): Its first row.
        c (int): Its first column; ``a`` for some images with themselves.
        num_lists (int): Images from here on have no lists.
        threads (int, optional): Default ``torch.get_num_threads()``.
    """
    rows, columns = product.shape
    options = dict(threads=threads, chunk=_ROWS)
    for _ in over_rows(offer, rows, product, a, slice(c, c + columns),
                       **options):
        pass
    if c == a:
        return

    local = threading.local()

    def offer_rows(product, own, others, first, last):
        # So few that they stay in the cache once they lie together; in memory
        # that is there, which takes less time than the transposition.
        if not hasattr(local, 'room'):
            local.room = np.empty((_ROWS, rows), product.dtype)
        turned = local.room[:last - first]
        _transpose(product[:, first:last], turned)
        offer(turned, own + first, others, 0, last - first)

    for _ in over_rows(offer_rows, min(columns, num_lists - c), product, c,
                       slice(a, a + rows), **options):
        pass


@compiled
def _transpose(source, target):
    """Block by block."""
    num, width = source.shape
    for a in range(0, num, _BLOCK):
        for c in range(0, width, _BLOCK):
            if a + _BLOCK <= num and c + _BLOCK <= width:
                for j in range(_BLOCK):
                    for i in range(_BLOCK):
                        target[c + j, a + i] = source[a + i, c + j]
                continue
            for j in range(c, min(c + _BLOCK, width)):
                for i in range(a, min(a + _BLOCK, num)):
                    target[j, i] = source[i, j]


@compiled
def finish(images, values, counts, limits, floors, errors, rounding, k,
           first, last):
    """Shorten all lists."""
    for s in range(first, last):
        _shorten(s, images, values, counts, floors, errors, rounding, k)


def capacity(k):
    """Room for candidates for the k nearest images."""
    return 8 * k + 128


def new_lists(num_rows, k, errors, rounding):
    """Empty lists of candidates: what :func:`serve` fills, in its order."""
    return (np.empty((num_rows, capacity(k)), np.int32),
            np.empty((num_rows, capacity(k)), np.float32),
            np.zeros(num_rows, np.int64), np.full(num_rows, 3 * k),
            np.full(num_rows, -np.inf, np.float32), errors[:num_rows],
            rounding, k)


def settle(view, order, lists, k, threads=None):
    """Turn lists of candidates into those of the exact neighbours.

    Args:
        view (np.ndarray): :func:`~similarity.kernel_view` of all features.
        order (np.ndarray): (B,) images; list i is that of ``order[i]``.
        lists (tuple): :func:`new_lists`, filled.
        k (int): Length of the result.
        threads (int, optional): Threads of the comparison.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: (num_rows, k) indices and
        similarities; which rows are not settled, since too many images may
        be among their nearest.
    """
    images, _, counts = lists[:3]
    num_rows, width = images.shape
    for _ in over_rows(finish, num_rows, *lists, threads=threads):
        pass
    rows = order[:num_rows]
    indices, sims = refine(view, rows, np.arange(num_rows) * width, counts,
                           images.ravel(), k, threads)
    return indices, sims, np.flatnonzero(counts < 0)
