"""Nearest images of the same camera, and of all other cameras."""

from collections.abc import Iterator
from typing import NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor

from mmreidmix.neighbours.matmul import multiply
from mmreidmix.neighbours.similarity import NeighbourLists, rank_candidates

_BLOCK_BYTES = 64 << 20
# Proposed beyond k: a few ties and rounding errors are settled among them.
_PAD = 8


class CameraNeighbours(NamedTuple):
    """Neighbours of N images, nearest first, without the image itself.

    Where a camera has too few images the lists end with N, which is no image.

    Attributes:
        intra (NeighbourLists): (N, k_intra) images of the same camera.
        inter (NeighbourLists): (N, k_inter) images of other cameras.
        lowest (np.ndarray): (N,) float32 lowest similarity to any image.
    """

    intra: NeighbourLists
    inter: NeighbourLists
    lowest: np.ndarray


@torch.inference_mode()
def nearest_by_camera(unit: Tensor, cameras: np.ndarray, k_intra: int,
                      k_inter: int,
                      threads: Optional[int] = None) -> CameraNeighbours:
    """Find the nearest images of the same camera, and of other cameras.

    Whole products of float32 propose, the exact similarity orders.

    Args:
        unit (Tensor): (N, D) float32 of length 1, on any device.
        cameras (np.ndarray): (N,) integers.
        k_intra (int): images of the same camera.
        k_inter (int): images of other cameras.
        threads (int, optional): Default ``torch.get_num_threads()``.
    """
    num = len(unit)
    order = np.argsort(cameras, kind='stable').astype(np.int32)
    bank = unit[torch.from_numpy(order).long()]
    host = unit.cpu().numpy()
    intra, inter = _no_lists(num, k_intra), _no_lists(num, k_inter)
    lowest = np.empty(num, np.float32)
    for rows, own in _blocks(cameras[order]):
        images = order[rows]
        products = multiply(bank[rows], bank)
        lowest[images] = products.amin(1).cpu().numpy()
        # An image is no neighbour of its own.
        products[:, rows].fill_diagonal_(-torch.inf)
        same = products[:, own].clone()
        products[:, own] = -torch.inf
        size = same.shape[1]
        _fill(intra, host, images, same, order[own], size - 1, threads)
        _fill(inter, host, images, products, order, num - size, threads)
    return CameraNeighbours(intra, inter, lowest)


def _no_lists(num: int, k: int) -> NeighbourLists:
    return np.full((num, k), num, np.int32), np.zeros((num, k), np.float32)


def _blocks(cameras: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Some rows of one camera, and all rows of it; cameras are sorted."""
    size = max(1, _BLOCK_BYTES // (4 * len(cameras)))
    starts = np.flatnonzero(np.diff(cameras, prepend=cameras[0] - 1))
    for begin, end in zip(starts, [*starts[1:], len(cameras)]):
        for first in range(begin, end, size):
            yield slice(first, min(first + size, end)), slice(begin, end)


def _fill(lists: NeighbourLists, host: np.ndarray, images: np.ndarray,
          scores: Tensor, among: np.ndarray, count: int,
          threads: Optional[int]) -> None:
    """Write the nearest of ``count`` images, best scored, into some lists."""
    k = min(lists[0].shape[1], count)
    width = min(k + _PAD, count)
    best = scores.topk(width, sorted=False).indices.cpu().numpy()
    found = rank_candidates(
        host, images, np.arange(len(images)) * width,
        np.full(len(images), width), among[best].ravel(), k + 1, threads)
    for column, values in zip(lists, found):
        column[images, :k] = values[:, 1:]
