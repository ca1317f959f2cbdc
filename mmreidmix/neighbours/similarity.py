"""The one definition of similarity, and the lists that are sorted by it.

Similarity is the float64 dot product rounded to float32. Whatever proposes
candidates, only these kernels decide who is a neighbour and in which order.
"""
import numpy as np
from numba import types
from numba.extending import overload

from .numba_kernels import compiled, over_rows


def _bfloat16(value):
    return np.int32(np.int32(value) << 16).view(np.float32)


def _float16(value):
    # The factor corrects the exponent, of subnormal numbers as well.
    return np.int32((np.int32(value & 0x7fff) << 13)
                    | (np.int32(value & 0x8000) << 16)).view(
                        np.float32) * np.float32(2.0**112)


def _unchanged(value):
    return value


def widen(value):
    """A stored number as floating point, exactly; in compiled kernels too.

    numba knows neither float16 nor bfloat16: their bits come as uint16 and
    int16.
    """
    if isinstance(value, np.int16):
        return _bfloat16(value)
    return _float16(value) if isinstance(value, np.uint16) else value


@overload(widen)
def _widen(value):
    return {types.int16: _bfloat16, types.uint16: _float16}.get(
        value, _unchanged)


@compiled(fastmath={'reassoc', 'contract', 'nsz'})
def similarity(features, i, j):
    """Similarity of rows i and j, see :func:`kernel_view`."""
    # Products of two float32 are exact in float64, so that the rounded sum
    # does not depend on how the additions are ordered.
    left = features[i]
    right = features[j]
    total = 0.0
    for d in range(features.shape[1]):
        total += np.float64(widen(left[d])) * np.float64(widen(right[d]))
    return np.float32(total)


@compiled
def insert(indices, sims, found, j, sim):
    """Put image j at its place behind the first entry; how many there are.

    The list holds ``found`` entries and stays sorted; j is not among them.
    """
    if found == indices.size and (
            sim < sims[found - 1] or
        (sim == sims[found - 1] and j > indices[found - 1])):
        return found
    place = found
    while place > 1 and (sim > sims[place - 1] or
                         (sim == sims[place - 1] and j < indices[place - 1])):
        place -= 1
    if place >= indices.size:
        return found
    found = min(found + 1, indices.size)
    for p in range(found - 1, place, -1):
        indices[p] = indices[p - 1]
        sims[p] = sims[p - 1]
    indices[place] = j
    sims[place] = sim
    return found


@compiled
def _refine(features, rows, start, counts, candidates, indices, sims, first,
            last):
    for r in range(first, last):
        i = rows[r]
        indices[r, 0] = i
        sims[r, 0] = similarity(features, i, i)
        found = 1
        for c in range(start[r], start[r] + counts[r]):
            j = candidates[c]
            if j != i:
                found = insert(indices[r], sims[r], found, j,
                                similarity(features, i, j))


@compiled
def _exhaust(features, rows, bank, indices, sims, first, last):
    found = np.ones(last - first, np.int64)
    for r in range(first, last):
        indices[r, 0] = rows[r]
        sims[r, 0] = similarity(features, rows[r], rows[r])
    # A few rows at a time, for which each bank row is read only once.
    for j in bank:
        for r in range(first, last):
            if j != rows[r]:
                found[r - first] = insert(
                    indices[r], sims[r], found[r - first], j,
                    similarity(features, rows[r], j))


def kernel_view(features):
    """Features as the kernels take them: read-only, float16 as its bits.

    Args:
        features (np.ndarray): (N, D) float32 or float16; may be a memory map,
            and is never copied.
    """
    view = np.asarray(features)
    if view.dtype == np.float16:
        view = view.view(np.uint16)
    view = view.view()
    view.flags.writeable = False
    return view


def refine(features, rows, start, counts, candidates, k, threads=None):
    """Sort candidates by similarity and keep the first k.

    Args:
        features (np.ndarray): Of :func:`kernel_view`.
        rows (np.ndarray): (R,) the images asked for; each is the first of its
            own list, whether it is among its candidates or not.
        start (np.ndarray): (R,) where in ``candidates`` each list begins.
        counts (np.ndarray): (R,) how long each is; with the image itself it
            must hold at least k different images.
        candidates (np.ndarray): (C,) image indices.
        k (int): Length of the lists.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray]: (R, k) indices int32 and similarities
        float32.
    """
    indices = np.empty((len(rows), k), np.int32)
    sims = np.empty((len(rows), k), np.float32)
    for _ in over_rows(_refine, len(rows), features, rows, start, counts,
                       candidates, indices, sims, threads=threads, chunk=256):
        pass
    return indices, sims


def exhaust(features, rows, bank, k, threads=None):
    """Compare rows with every image of the bank, without any candidates.

    O(R N D), but in O(R k) memory whatever the features are.

    Args:
        features (np.ndarray): Of :func:`kernel_view`.
        rows (np.ndarray): (R,) the images asked for.
        bank (np.ndarray): (B,) the images compared with; B >= k, and the rows
            are among them.
        k (int): Length of the lists.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray]: As :func:`refine`.
    """
    indices = np.empty((len(rows), k), np.int32)
    sims = np.empty((len(rows), k), np.float32)
    for _ in over_rows(_exhaust, len(rows), features, rows, bank, indices,
                       sims, threads=threads, chunk=16):
        pass
    return indices, sims
