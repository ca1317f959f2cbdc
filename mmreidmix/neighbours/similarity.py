"""The one definition of similarity, and the lists that are sorted by it.

Similarity is the float64 dot product rounded to float32. Whatever proposes
candidates, only these kernels decide who is a neighbour and in which order.
"""

from typing import Any, Callable, NamedTuple, Optional

import numpy as np
from numba import types
from numba.extending import overload

from .numba_kernels import compiled, fill_rows

#: Neighbours of R images: (R, k) indices int32 and similarities float32.
NeighbourLists = tuple[np.ndarray, np.ndarray]


class SearchTask(NamedTuple):
    """What a backend searches.

    Args:
        features (np.ndarray): (N, D) unit rows, float32 or float16.
        order (np.ndarray): (B,) different images, B >= k.
        num_rows (int): how many of them, from the first, are asked for.
        k (int): length of the lists.
        block (int, optional): rows of one product or one call.
        threads (int, optional): threads of selection and comparison; default
            ``torch.get_num_threads()``.
    """

    features: np.ndarray
    order: np.ndarray
    num_rows: int
    k: int
    block: Optional[int] = None
    threads: Optional[int] = None


def _bfloat16(value: Any) -> Any:
    return np.int32(np.int32(value) << 16).view(np.float32)


def _float16(value: Any) -> Any:
    # The factor corrects the exponent, of subnormal numbers as well.
    return np.int32((np.int32(value & 0x7fff) << 13)
                    | (np.int32(value & 0x8000) << 16)).view(
                        np.float32) * np.float32(2.0**112)


def _unchanged(value: Any) -> Any:
    return value


def widen(value: Any) -> Any:
    """A stored number as floating point, exactly; in compiled kernels too.

    numba knows neither float16 nor bfloat16: their bits come as uint16 and
    int16.
    """
    if isinstance(value, np.int16):
        return _bfloat16(value)
    return _float16(value) if isinstance(value, np.uint16) else value


@overload(widen)
def _widen(value: Any) -> Callable[[Any], Any]:
    return {types.int16: _bfloat16, types.uint16: _float16}.get(
        value, _unchanged)


@compiled(fastmath={'reassoc', 'contract', 'nsz'})
def _product(left: np.ndarray, right: np.ndarray) -> float:
    # Products of two float32 are exact in float64, so that the rounded sum
    # does not depend on how the additions are ordered.
    total = 0.0
    for d in range(left.size):
        total += np.float64(widen(left[d])) * np.float64(widen(right[d]))
    return np.float32(total)


@compiled
def similarity(features: np.ndarray, i: int, j: int) -> float:
    """Similarity of rows i and j, see :func:`kernel_view`."""
    return _product(features[i], features[j])


@compiled
def pair_similarity(left: np.ndarray, i: int, right: np.ndarray,
                    j: int) -> float:
    """Similarity of row i of one array and row j of another."""
    return _product(left[i], right[j])


@compiled
def _pair_similarities(left: np.ndarray, rows: np.ndarray, right: np.ndarray,
                       columns: np.ndarray, sims: np.ndarray, first: int,
                       last: int) -> None:
    for p in range(first, last):
        sims[p] = _product(left[rows[p]], right[columns[p]])


def pair_similarities(left: np.ndarray, rows: np.ndarray, right: np.ndarray,
                      columns: np.ndarray,
                      threads: Optional[int] = None) -> np.ndarray:
    """Similarities of pairs of rows of two arrays.

    Args:
        left (np.ndarray): (L, D) float32 or float16.
        rows (np.ndarray): (P,) rows of it.
        right (np.ndarray): (R, D) of the same type.
        columns (np.ndarray): (P,) rows of that.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        np.ndarray: (P,) float32.
    """
    sims = np.empty(len(rows), np.float32)
    fill_rows(_pair_similarities, len(rows), kernel_view(left), rows,
              kernel_view(right), columns, sims, threads=threads)
    return sims


@compiled
def insert_sorted(indices: np.ndarray, sims: np.ndarray, size: int, j: int,
                  sim: float) -> int:
    """Put image j at its place behind the first entry; the new size.

    The list holds ``size`` entries and stays sorted; j is not among them.
    """
    if size == indices.size and (
            sim < sims[size - 1] or
        (sim == sims[size - 1] and j > indices[size - 1])):
        return size
    place = size
    while place > 1 and (sim > sims[place - 1] or
                         (sim == sims[place - 1] and j < indices[place - 1])):
        place -= 1
    if place >= indices.size:
        return size
    size = min(size + 1, indices.size)
    for p in range(size - 1, place, -1):
        indices[p] = indices[p - 1]
        sims[p] = sims[p - 1]
    indices[place] = j
    sims[place] = sim
    return size


@compiled
def _rank_candidates(features: np.ndarray, rows: np.ndarray,
                     starts: np.ndarray, counts: np.ndarray,
                     candidates: np.ndarray, indices: np.ndarray,
                     sims: np.ndarray, first: int, last: int) -> None:
    for r in range(first, last):
        i = rows[r]
        indices[r, 0] = i
        sims[r, 0] = similarity(features, i, i)
        size = 1
        for c in range(starts[r], starts[r] + counts[r]):
            j = candidates[c]
            if j != i:
                size = insert_sorted(indices[r], sims[r], size, j,
                                     similarity(features, i, j))


@compiled
def _rank_all(features: np.ndarray, rows: np.ndarray, bank: np.ndarray,
              indices: np.ndarray, sims: np.ndarray, first: int,
              last: int) -> None:
    sizes = np.ones(last - first, np.int64)
    for r in range(first, last):
        indices[r, 0] = rows[r]
        sims[r, 0] = similarity(features, rows[r], rows[r])
    # A few rows at a time, for which each bank row is read only once.
    for j in bank:
        for r in range(first, last):
            if j != rows[r]:
                sizes[r - first] = insert_sorted(
                    indices[r], sims[r], sizes[r - first], j,
                    similarity(features, rows[r], j))


def kernel_view(features: np.ndarray) -> np.ndarray:
    """Features as the kernels take them: read-only, float16 as its bits.

    Args:
        features (np.ndarray): (N, D) float32 or float16. It may be a memory
            map, and is never copied.
    """
    view = np.asarray(features)
    view = view.view(np.uint16 if view.dtype == np.float16 else view.dtype)
    view.flags.writeable = False
    return view


def empty_lists(num_rows: int, k: int) -> NeighbourLists:
    """Room for neighbour lists."""
    return (np.empty((num_rows, k), np.int32),
            np.empty((num_rows, k), np.float32))


def rank_candidates(features: np.ndarray, rows: np.ndarray,
                    starts: np.ndarray, counts: np.ndarray,
                    candidates: np.ndarray, k: int,
                    threads: Optional[int] = None) -> NeighbourLists:
    """Sort candidates by similarity and keep the first k.

    Args:
        features (np.ndarray): (N, D) float32 or float16.
        rows (np.ndarray): (R,) the images asked for. Each is the first of its
            own list, whether it is among its candidates or not.
        starts (np.ndarray): (R,) where in ``candidates`` each list begins.
        counts (np.ndarray): (R,) how long each is. With the image itself it
            must hold at least k different images.
        candidates (np.ndarray): (C,) image indices.
        k (int): length of the lists.
        threads (int, optional): default ``torch.get_num_threads()``.
    """
    lists = empty_lists(len(rows), k)
    fill_rows(_rank_candidates, len(rows), kernel_view(features), rows, starts,
              counts, candidates, *lists, threads=threads, chunk=256)
    return lists


def rank_all(features: np.ndarray, rows: np.ndarray, bank: np.ndarray, k: int,
             threads: Optional[int] = None) -> NeighbourLists:
    """Compare rows with all (B,) images of a bank that holds them; B >= k.

    As :func:`rank_candidates`, but without any. O(R B D), in O(R k) memory
    whatever the features are.
    """
    lists = empty_lists(len(rows), k)
    fill_rows(_rank_all, len(rows), kernel_view(features), rows, bank, *lists,
              threads=threads, chunk=16)
    return lists
