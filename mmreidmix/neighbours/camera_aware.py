"""Neighbours and encodings that tell cameras apart.

Images of one camera are alike, and fill each other's neighbour lists. Chen et
al., CA-Jaccard: Camera-aware Jaccard Distance for Person Re-identification
(CVPR 2024, arXiv 2311.10605): the lists hold some images of the same camera
and some of others. A list here is the image itself, then ``k_intra`` images of
its camera, then others, each part nearest first. A list that is too long for
what there is names image N, of N images.
"""

from collections.abc import Iterator
from typing import Optional

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from mmreidmix.checks import check_between, check_count

from .k_reciprocal import average_encodings, encode_sets
from .matmul import multiply
from .similarity import NeighbourLists, rank_candidates

_BLOCK_BYTES = 64 << 20
# Proposed beyond k: a few ties and rounding errors are settled among them.
_PAD = 8


def checked_k2_intra(owner: object, k1_intra: Optional[int],
                     k2_intra: Optional[int]) -> int:
    """Check both options; the second is by default 2, or less if k1 is.

    Raises:
        ValueError: one is out of range, or the second is given alone.
    """
    if k1_intra is None:
        if k2_intra is not None:
            raise ValueError(f'{owner}: k2_intra={k2_intra} does nothing '
                             'without k1_intra; set it too, to 5 for example')
        return 0
    check_count(owner, 0, k1_intra=k1_intra)
    k2_intra = min(2, k1_intra) if k2_intra is None else k2_intra
    check_between(owner, 0, k1_intra, k2_intra=k2_intra)
    return k2_intra


@torch.inference_mode()
def knn_by_camera(
        unit: Tensor,
        cameras: np.ndarray,
        k1_intra: int,
        k_inter: int,
        rows: Optional[tuple[int, int]] = None,
        threads: Optional[int] = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the nearest images of the same camera, and of other cameras.

    Whole products of float32 propose, the exact similarity orders: O(N^2).

    Args:
        unit (Tensor): (N, D) float32 of length 1, on any device.
        cameras (np.ndarray): (N,) integers.
        k1_intra (int): images of the same camera.
        k_inter (int): images of other cameras.
        rows (tuple[int, int], optional): first and last (exclusive) image
            whose neighbours are wanted; default all.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: lists (R, 1 + k1_intra +
        k_inter) int32, their similarities, and the lowest similarity to any
        image (R,), both float32.
    """
    num = len(unit)
    first, last = (0, num) if rows is None else rows
    order = np.argsort(cameras, kind='stable').astype(np.int32)
    bank = unit[torch.from_numpy(order).long()]
    host = unit.cpu().numpy()
    shape = last - first, 1 + k1_intra + k_inter
    lists = np.full(shape, num, np.int32), np.zeros(shape, np.float32)
    lists[0][:, 0], lists[1][:, 0] = np.arange(first, last), 1
    intra = tuple(part[:, 1:1 + k1_intra] for part in lists)
    inter = tuple(part[:, 1 + k1_intra:] for part in lists)
    lowest = np.empty(last - first, np.float32)
    for places, own in _blocks(cameras[order], order, first, last):
        images, target = order[places], order[places] - first
        products = multiply(bank[torch.from_numpy(places)], bank)
        lowest[target] = products.amin(1).cpu().numpy()
        # An image is no neighbour of its own.
        products[np.arange(len(places)), places] = -torch.inf
        same = products[:, own].clone()
        products[:, own] = -torch.inf
        size = same.shape[1]
        for out, scores, among, count in (
                (intra, same, order[own], max(size - 1, 0)),
                (inter, products, order, num - max(size, 1))):
            found = _nearest(host, images, scores, among, count,
                             out[0].shape[1], threads)
            for column, values in zip(out, found):
                column[target, :values.shape[1]] = values
    return *lists, lowest


def _blocks(cameras: np.ndarray, order: np.ndarray, first: int,
            last: int) -> Iterator[tuple[np.ndarray, slice]]:
    """Places of some wanted images of one camera, and all places of it.

    The latter are none where there is one camera alone.
    """
    size = max(1, _BLOCK_BYTES // (4 * len(cameras)))
    starts = np.flatnonzero(np.diff(cameras, prepend=cameras[:1] - 1))
    for begin, end in zip(starts, [*starts[1:], len(cameras)]):
        images = order[begin:end]
        places = begin + np.flatnonzero((images >= first) & (images < last))
        own = slice(begin, end) if len(starts) > 1 else slice(0, 0)
        for place in range(0, len(places), size):
            yield places[place:place + size], own


def _nearest(host: np.ndarray, images: np.ndarray, scores: Tensor,
             among: np.ndarray, count: int, k: int,
             threads: Optional[int]) -> NeighbourLists:
    """The k nearest of ``count`` images, the best scored of ``among``."""
    width = min(k + _PAD, count)
    best = scores.topk(width, sorted=False).indices.cpu().numpy()
    indices, sims = rank_candidates(
        host, images, np.arange(len(images)) * width,
        np.full(len(images), width), among[best].ravel(),
        min(k, count) + 1, threads)
    return indices[:, 1:], sims[:, 1:]


def encode_by_camera(lists: NeighbourLists, features: np.ndarray, *, k1: int,
                     k1_intra: int,
                     threads: Optional[int] = None) -> sparse.csr_matrix:
    """Encode images by their mutual neighbours of both kinds.

    As :func:`~.k_reciprocal.encode_sets`; half a list is the nearer half of
    both kinds. Columns are not sorted.

    Args:
        lists (NeighbourLists): (N, 1 + k1_intra + k_inter), see above.
        features (np.ndarray): (N, D) float32 or float16, of length 1.
        k1 (int): images of other cameras that count, at most k_inter.
        k1_intra (int): images of the same camera in a list.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        scipy.sparse.csr_matrix: (N, N) float32, rows that sum to 1.
    """
    num = len(features)
    half, half_intra = int(np.around(k1 / 2)), int(np.around(k1_intra / 2))
    # The halves of both kinds first, then the rest.
    inter = 1 + k1_intra
    columns = np.r_[:1 + half_intra, inter:inter + half,
                    1 + half_intra:inter, inter + half:inter + k1]
    # Image N, which short lists name, has no neighbours.
    indices = np.pad(lists[0][:, columns], ((0, 1), (0, 0)),
                     constant_values=num)
    sims = np.pad(lists[1][:, columns], ((0, 1), (0, 0)))
    encoding = encode_sets(
        indices, sims, features, half=1 + half_intra + half, threads=threads)
    encoding = encoding[:num]
    encoding.resize(num, num)
    return encoding


def average_by_camera(encoding: sparse.csr_matrix, indices: np.ndarray, *,
                      k2: int, k2_intra: int, k1_intra: int,
                      threads: Optional[int] = None) -> sparse.csr_matrix:
    """Local query expansion over neighbours of both kinds.

    Args:
        encoding (scipy.sparse.csr_matrix): (N, N), rows that sum to 1.
        indices (np.ndarray): (N, 1 + k1_intra + k_inter) lists, see above.
        k2 (int): encodings averaged over: the image's own and those of the
            nearest of other cameras ...
        k2_intra (int): ... and of the nearest of the same camera.
        k1_intra (int): images of the same camera in a list.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        scipy.sparse.csr_matrix: (N, N) float32, rows that sum to 1; columns
        are not sorted.
    """
    num = len(indices)
    lists = np.pad(
        indices[:, np.r_[:1 + k2_intra, 1 + k1_intra:k1_intra + k2]],
        ((0, 1), (0, 0)), constant_values=num)
    encoding = encoding.copy()
    encoding.resize(num + 1, num + 1)
    encoding = average_encodings(encoding, lists, threads=threads)
    encoding.resize(num, num)
    # Short lists average fewer encodings.
    encoding.data /= np.repeat(
        np.asarray(encoding.sum(1)).ravel(), np.diff(encoding.indptr))
    return encoding
