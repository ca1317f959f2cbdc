"""Exact duplicates: searched once, listed like all others."""
import numpy as np

from .numba_kernels import compiled, over_rows


@compiled
def _hash(bits, factors, codes, first, last):
    for i in range(first, last):
        row = bits[i]
        code = np.uint64(0)
        for d in range(row.size):
            code += factors[d] * np.uint64(row[d])
        codes[i] = code


def surplus(features, k, threads=None):
    """Duplicates that no list of k neighbours needs, save their own.

    Equal similarities are ordered by index: of a group of duplicates only the
    k of lowest index can be in the list of any other image. Searching these
    alone bounds the work where features have collapsed to a few points.

    Args:
        features (np.ndarray): (N, D) float32 or float16.
        k (int): Length of the lists.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        np.ndarray: (N,) for every surplus image the first of its group, and
        every other image itself.
    """
    bits = np.asarray(features)
    bits = bits.view(np.uint16 if bits.dtype == np.float16 else np.uint32)
    bits.flags.writeable = False
    num, dim = bits.shape
    random = np.random.default_rng(0)
    factors = random.integers(1, 2**63, dim, dtype=np.uint64) * 2 + 1
    codes = np.empty(num, np.uint64)
    for _ in over_rows(_hash, num, bits, factors, codes, threads=threads):
        pass
    leaders = np.arange(num)
    by_code = np.argsort(codes, kind='stable')
    codes = codes[by_code]
    begins = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    sizes = np.diff(np.r_[begins, num])
    for group in np.flatnonzero(sizes > k):
        members = by_code[begins[group]:begins[group] + sizes[group]]
        equal = [
            members[a:a + 1024][(bits[members[a:a + 1024]] ==
                                 bits[members[0]]).all(axis=1)]
            for a in range(0, len(members), 1024)]
        equal = np.concatenate(equal)
        leaders[equal[k:]] = equal[0]
    return leaders


def lists_of_surplus(images, indices, sims):
    """Neighbours of surplus images from those of their leaders.

    Args:
        images (np.ndarray): (R,) surplus images.
        indices (np.ndarray): (R, k) neighbours of their leaders.
        sims (np.ndarray): (R, k) the similarities.

    Returns:
        tuple[np.ndarray, np.ndarray]: The same for the surplus images.
    """
    # The leader's list starts with the leader, wherever it belongs.
    order = np.lexsort((indices, -sims), axis=1)[:, :-1]
    own = sims[:, :1]
    indices = np.take_along_axis(indices, order, 1)
    sims = np.take_along_axis(sims, order, 1)
    return (np.concatenate([images[:, None].astype(np.int32), indices], 1),
            np.concatenate([own, sims], 1))
