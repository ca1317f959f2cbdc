"""Encodings of images by their k-reciprocal neighbours, for re-ranking."""

from typing import Optional

import numpy as np
from scipy import sparse
from torch import Tensor

from mmreidmix.neighbours.camera_aware import (
    average_by_camera,
    encode_by_camera,
    knn_by_camera,
)
from mmreidmix.neighbours.k_reciprocal import average_encodings, encode_sets

from .rerank_neighbours import nearest_and_farthest


def encodings(
        unit: Tensor,
        k1: int,
        k2: int,
        cross: Optional[Tensor] = None,
        threads: Optional[int] = None
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Encode every image by weights over its k-reciprocal neighbours.

    As :func:`~mmreidmix.pseudo_labels.k_reciprocal_encoding`, but as in the
    original of this method: the lists hold k1 images beside the image itself,
    half a list is round(k1 / 2) images beside it, and weights are the softmax
    of -d, where d is divided by the largest distance of the row.

    Args:
        unit (Tensor): (N, D) float32 of length 1.
        k1 (int): see :func:`~.reranking.reranked_blocks`.
        k2 (int): see there.
        cross (Tensor, optional): see :func:`.nearest_and_farthest`.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        tuple[sparse.csr_matrix, np.ndarray]: (N, N) float32, rows sum to 1;
        and (N,) float32 largest squared distance of each row.

    Raises:
        ValueError: all features are equal.
    """
    indices, sims, lowest = nearest_and_farthest(
        unit, max(k1 + 1, k2), cross, threads=threads)
    largest = _largest(lowest)
    encoding = encode_sets(
        indices[:, :k1 + 1], sims[:, :k1 + 1], unit.cpu().numpy(),
        half=int(np.around(k1 / 2)) + 1, threads=threads)
    _scale_softmax(encoding, largest)
    return average_encodings(
        encoding, indices[:, :k2], threads=threads), largest


def camera_aware_encodings(
        unit: Tensor,
        cameras: np.ndarray,
        k1: int,
        k2: int,
        k1_intra: int,
        k2_intra: int,
        threads: Optional[int] = None
) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Encode every image by its neighbours in its own and in other cameras.

    A list holds the image itself and the nearest images of both kinds; half
    a list is the nearer half of both. The rest is as in :func:`encodings`.

    Args:
        unit (Tensor): (N, D) float32 of length 1.
        cameras (np.ndarray): (N,) integers.
        k1 (int): see :func:`~.reranking.reranked_blocks`, as all others.
        k2 (int): see there.
        k1_intra (int): see there, at least ``k2_intra``.
        k2_intra (int): see there.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        tuple[sparse.csr_matrix, np.ndarray]: as :func:`encodings`.

    Raises:
        ValueError: all features are equal.
    """
    indices, sims, lowest = knn_by_camera(
        unit, cameras, k1_intra, max(k1, k2 - 1), threads=threads)
    largest = _largest(lowest)
    encoding = encode_by_camera(
        (indices, sims), unit.cpu().numpy(), k1=k1, k1_intra=k1_intra,
        threads=threads)
    _scale_softmax(encoding, largest)
    return average_by_camera(
        encoding, indices, k2=k2, k2_intra=k2_intra, k1_intra=k1_intra,
        threads=threads), largest


def _largest(lowest: np.ndarray) -> np.ndarray:
    """Largest squared distance of each row, (N,), from similarities."""
    largest = 2 - 2 * lowest
    if not (largest > 1e-6).all():
        raise ValueError('rerank: all features are equal; the model has '
                         'probably collapsed')
    return largest


def _scale_softmax(encoding: sparse.csr_matrix,
                   largest: np.ndarray) -> None:
    """Turn rows that are softmax(-d) into softmax(-d / largest)."""
    sizes = np.diff(encoding.indptr)
    starts = encoding.indptr[:-1]  # no row is empty: i is in its own set
    logits = np.log(encoding.data)
    # The nearest of a row is 0, all others down to -1: nothing underflows.
    logits -= np.repeat(np.maximum.reduceat(logits, starts), sizes)
    weights = np.exp(logits / np.repeat(largest, sizes))
    encoding.data = weights / np.repeat(
        np.add.reduceat(weights, starts), sizes)
