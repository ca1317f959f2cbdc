"""Lists of candidates, filled from products of reduced precision.

A list keeps every image that may be among the k nearest, given the bound of
the error of its approximate similarity.
"""

from typing import Callable, NamedTuple, Optional

import numpy as np

from .numba_kernels import compiled, fill_rows
from .similarity import widen

#: Images that are looked at together: a constant length makes the inner loop
#: fast vector code.
CHUNK = 64
# Columns that are put side by side in memory at a time.
_SIDE = 16
# Rows, and columns, of one call.
_ROWS, _COLUMNS = 128, 512
# Images of one group, of which only the nearest counts for the first floor.
_GROUP = 16


class CandidateLists(NamedTuple):
    """Candidates for the k nearest images of R rows.

    A value v of row r is wrong by at most ``errors[r] + rounding * abs(v)``.
    """

    #: (R, C) int32 images and (R, C) float32 approximate similarities.
    images: np.ndarray
    values: np.ndarray
    #: (R,) lengths of the lists; -1 = overflow, too many near-ties.
    counts: np.ndarray
    #: (R,) lengths at which the lists are shortened.
    limits: np.ndarray
    #: (R,) values below which no image can be among the k nearest.
    floors: np.ndarray
    errors: np.ndarray
    rounding: np.float32
    k: int


def list_capacity(k: int) -> int:
    """Room for candidates for the k nearest images."""
    return 8 * k + 128


def empty_candidate_lists(num_rows: int, k: int, errors: np.ndarray,
                          rounding: np.float32,
                          least: Optional[np.ndarray] = None
                          ) -> CandidateLists:
    """Lists for the first rows.

    Args:
        num_rows (int): R.
        k (int): neighbours that are looked for.
        errors (np.ndarray): (>= R,) bounds as of ``ReducedCopies``.
        rounding (np.float32): of the same.
        least (np.ndarray, optional): (R,) values below which no image is
            looked for.
    """
    shape = num_rows, list_capacity(k)
    floors = np.full(num_rows, -np.inf, np.float32)
    errors = errors[:num_rows]
    if least is not None:
        _set_floors(least, errors, rounding, floors)
    return CandidateLists(
        np.empty(shape, np.int32), np.empty(shape, np.float32),
        np.zeros(num_rows, np.int64), np.full(num_rows, 3 * k), floors,
        errors, rounding, k)


@compiled
def _kth_largest(values: np.ndarray, k: int) -> float:
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
def _floor_below(best: float, error: float, rounding: float) -> float:
    """The lowest value of an image that may be as near as one of ``best``."""
    floor = best - rounding * abs(best) - np.float32(2) * error
    return floor / (1 + rounding if floor > 0 else 1 - rounding)


@compiled
def _set_floors(least: np.ndarray, errors: np.ndarray, rounding: float,
                floors: np.ndarray) -> None:
    for s in range(least.size):
        if least[s] > -np.inf:
            floors[s] = _floor_below(least[s], errors[s], rounding)


@compiled
def shorten_lists(lists: CandidateLists, first: int, last: int) -> None:
    """Drop the candidates that cannot be among the first k of their list."""
    images, values = lists.images, lists.values
    for s in range(first, last):
        count = lists.counts[s]
        if count <= lists.k:
            continue
        best = _kth_largest(values[s, :count].copy(), lists.k)
        lists.floors[s] = max(lists.floors[s], _floor_below(
            best, lists.errors[s], lists.rounding))
        size = 0
        for p in range(count):
            if values[s, p] >= lists.floors[s]:
                images[s, size] = images[s, p]
                values[s, size] = values[s, p]
                size += 1
        lists.counts[s] = size


@compiled
def _push(s: int, image: int, value: float, lists: CandidateLists) -> None:
    counts, limits = lists.counts, lists.limits
    lists.images[s, counts[s]] = image
    lists.values[s, counts[s]] = value
    counts[s] += 1
    if counts[s] < limits[s]:
        return
    shorten_lists(lists, s, s + 1)
    # Short lists at first, so that the floor rises early.
    limits[s] = min(counts[s] + 2 * lists.k, lists.images.shape[1])
    if counts[s] == limits[s]:
        counts[s] = -1
        lists.floors[s] = np.inf


@compiled
def _set_first_floor(s: int, row: np.ndarray, shifts: np.ndarray,
                     lists: CandidateLists) -> None:
    """A floor for an empty list, so that few images come before the nearest.

    k of the groups that a row is dealt into have an image as near as the
    k-th best of the groups' best.
    """
    num = row.size // _GROUP
    if num < 2 * lists.k:
        return
    best = np.full(num, -np.inf, np.float32)
    for begin in range(0, num * _GROUP, num):
        for c in range(num):  # this loop becomes vector code
            value = widen(row[begin + c]) + shifts[begin + c]
            best[c] = value if value > best[c] else best[c]
    lists.floors[s] = _floor_below(
        _kth_largest(best, lists.k), lists.errors[s], lists.rounding)


@compiled
def push_candidates(product: np.ndarray, row: int, shifts: np.ndarray,
                    images: np.ndarray, lists: CandidateLists, first: int,
                    last: int) -> None:
    """Push the images of the columns to the lists of the rows.

    Args:
        product (np.ndarray): (R, C) approximate similarities less the shifts.
        row (int): list of its first row.
        shifts (np.ndarray): (C,) float32, see ``ReducedCopies``.
        images (np.ndarray): (C,) images of the columns.
        lists (CandidateLists): changed.
        first (int): first row that is pushed to.
        last (int): end of these rows.
    """
    for r in range(first, last):
        s = row + r
        if lists.floors[s] == -np.inf:
            _set_first_floor(s, product[r], shifts, lists)
        for begin in range(0, images.size, CHUNK):
            size = min(CHUNK, images.size - begin)
            part = product[r, begin:begin + size]
            shift = shifts[begin:begin + size]
            floor = lists.floors[s]
            if size == CHUNK:
                above = 0
                for c in range(CHUNK):
                    above += widen(part[c]) + shift[c] >= floor
                if above == 0:
                    continue
            for c in range(size):
                value = widen(part[c]) + shift[c]
                if value >= lists.floors[s]:
                    _push(s, images[begin + c], value, lists)


@compiled
def push_across(product: np.ndarray, column: int, shifts: np.ndarray,
                images: np.ndarray, lists: CandidateLists, first: int,
                last: int) -> None:
    """Push the images of the rows to the lists of the columns.

    Args:
        product (np.ndarray): (R, C) approximate similarities less the shifts.
        column (int): list of its first column.
        shifts (np.ndarray): (R,) float32, of the rows.
        images (np.ndarray): (R,) images of the rows.
        lists (CandidateLists): changed.
        first (int): first column that is pushed to.
        last (int): end of these columns.
    """
    for begin in range(first, last, _SIDE):
        end = min(begin + _SIDE, last)
        if lists.floors[column + begin:column + end].min() == -np.inf:
            # Side by side in memory once, or each number takes a cache line.
            values = np.empty((end - begin, images.size), product.dtype)
            for r in range(images.size):
                for c in range(begin, end):
                    values[c - begin, r] = product[r, c]
            for c in range(begin, end):
                if lists.floors[column + c] == -np.inf:
                    _set_first_floor(
                        column + c, values[c - begin], shifts, lists)
    for r in range(images.size):
        for begin in range(first, last, CHUNK):
            size = min(CHUNK, last - begin)
            part = product[r, begin:begin + size]
            floors = lists.floors[column + begin:column + begin + size]
            if size == CHUNK:
                above = 0
                for c in range(CHUNK):
                    above += widen(part[c]) + shifts[r] >= floors[c]
                if above == 0:
                    continue
            for c in range(size):
                value = widen(part[c]) + shifts[r]
                if value >= floors[c]:
                    _push(column + begin + c, images[r], value, lists)


def push_product(push: Callable[..., object], across: Callable[..., object],
                 product: np.ndarray, row: int, column: int, num_lists: int,
                 threads: Optional[int] = None) -> None:
    """Push the images of a product to each other's lists.

    Args:
        push (Callable): ``push(product, row, columns, first, last)`` pushes
            the images of the slice ``columns`` to the lists of some rows;
            the first row of the product is that of image ``row``.
        across (Callable): ``across(product, column, rows, first, last)``
            pushes the images of the slice ``rows`` to the lists of some
            columns.
        product (np.ndarray): (R, C).
        row (int): its first row.
        column (int): its first column; ``row`` for some images with
            themselves.
        num_lists (int): images from here on have no lists.
        threads (int, optional): default ``torch.get_num_threads()``.
    """
    height, width = product.shape
    fill_rows(push, height, product, row, slice(column, column + width),
              threads=threads, chunk=_ROWS)
    if column != row:
        fill_rows(across, min(width, num_lists - column), product, column,
                  slice(row, row + height), threads=threads, chunk=_COLUMNS)
