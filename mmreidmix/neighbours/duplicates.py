"""Exact duplicates: searched once, listed like all others."""

from typing import Optional

import numpy as np

from .numba_kernels import compiled, fill_rows
from .similarity import NeighbourLists


@compiled
def _hash(bits: np.ndarray, factors: np.ndarray, codes: np.ndarray, first: int,
          last: int) -> None:
    for i in range(first, last):
        row = bits[i]
        code = np.uint64(0)
        for d in range(row.size):
            code += factors[d] * np.uint64(row[d])
        codes[i] = code


def redundant_duplicates(features: np.ndarray, k: int,
                         threads: Optional[int] = None) -> np.ndarray:
    """Find duplicates that no list of k neighbours needs, save their own.

    Equal similarities are ordered by index: of a group of duplicates only the
    k of lowest index can be in the list of any other image. Searching these
    alone bounds the work where features have collapsed to a few points.

    Args:
        features (np.ndarray): (N, D) float32 or float16.
        k (int): length of the lists.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        np.ndarray: (N,) for every redundant image the first of its group, and
        every other image itself.
    """
    bits = np.asarray(features)
    bits = bits.view(np.uint16 if bits.dtype == np.float16 else np.uint32)
    bits.flags.writeable = False
    num, dim = bits.shape
    random = np.random.default_rng(0)
    factors = random.integers(1, 2**63, dim, dtype=np.uint64) * 2 + 1
    codes = np.empty(num, np.uint64)
    fill_rows(_hash, num, bits, factors, codes, threads=threads)
    leaders = np.arange(num)
    by_code = np.argsort(codes, kind='stable')
    codes = codes[by_code]
    begins = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    sizes = np.diff(np.r_[begins, num])
    for group in np.flatnonzero(sizes > k):
        members = by_code[begins[group]:begins[group] + sizes[group]]
        equal = np.concatenate([
            part[(bits[part] == bits[members[0]]).all(axis=1)]
            for part in np.split(members, range(1024, len(members), 1024))])
        leaders[equal[k:]] = equal[0]
    return leaders


def redundant_lists(images: np.ndarray, indices: np.ndarray,
                    sims: np.ndarray) -> NeighbourLists:
    """Neighbours of (R,) redundant images from those of their leaders."""
    # The leader's list starts with the leader, wherever it belongs.
    order = np.lexsort((indices, -sims), axis=1)[:, :-1]
    return (np.hstack([images[:, None].astype(np.int32),
                       np.take_along_axis(indices, order, 1)]),
            np.hstack([sims[:, :1], np.take_along_axis(sims, order, 1)]))
