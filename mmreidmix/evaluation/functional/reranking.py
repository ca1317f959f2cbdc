"""k-reciprocal re-ranking without a matrix of all images.

Zhong, Zheng, Cao, Li: Re-ranking Person Re-identification with k-reciprocal
Encoding, CVPR 2017. The final distance of query q and gallery image g is

    (1 - lambda) d_J(q, g) + lambda d(q, g)

with d the squared Euclidean distance of the normalised features divided by
the largest of the row, and d_J the Jaccard distance of the encodings. d_J is
1 unless two encodings overlap, so it is held for overlapping pairs only, and
blocks of d are corrected by it.

The encodings differ from those of the pseudo labels: see
:func:`~.rerank_encodings.encodings`.

Images of one camera are alike, and fill each other's lists. With ``k1_intra``
the lists hold so many images of the same camera and k1 of others, as in Chen
et al.: CA-Jaccard: Camera-aware Jaccard Distance for Person Re-identification,
CVPR 2024 (arXiv 2311.10605).
"""

from collections.abc import Iterator
from typing import Optional

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from mmreidmix.checks import check_between, check_count
from mmreidmix.neighbours import normalise_rows
from mmreidmix.neighbours.camera_aware import checked_k2_intra
from mmreidmix.neighbours.matmul import multiply
from mmreidmix.neighbours.numba_kernels import compiled, over_rows

from .query_gallery import QueryGallery
from .rerank_encodings import camera_aware_encodings, encodings

# Products of queries and gallery up to this size are kept, not computed twice.
_PRODUCT_BYTES = 512 << 20


def reranked_blocks(
        images: QueryGallery,
        *,
        k1: int = 20,
        k2: int = 6,
        lambda_value: float = 0.3,
        k1_intra: Optional[int] = None,
        k2_intra: Optional[int] = None) -> Iterator[tuple[slice, Tensor]]:
    """Blocks of scores as :meth:`QueryGallery.score_blocks`, re-ranked.

    Beside the given features there is one float32 copy of them, one in
    bfloat16 during the search, O((Nq + Ng) (k1 + k2)) for neighbours and
    encodings, and a block of scores. Neighbours are exact. Products of
    queries and gallery are kept from the search if they fit into 512 MiB,
    else computed again block by block. With ``k1_intra`` all products are
    float32, a block of them at a time, and computed twice.

    Args:
        images (QueryGallery): metric must be 'cosine'. Junk takes no part at
            all.
        k1 (int): length of the neighbour lists, without the image itself.
        k2 (int): encodings averaged over, with the image's own; 1 = none.
        lambda_value (float): weight of the original distance, 0..1.
        k1_intra (int, optional): the lists hold so many images of the same
            camera, beside k1 of other cameras; 5 in CA-Jaccard. None: cameras
            are not told apart.
        k2_intra (int, optional): with ``k1_intra``, encodings of images of
            the same camera that are averaged too, beside the k2 of the image
            itself and of other cameras. Default 2, or k1_intra if that is
            less.

    Returns:
        Iterator[tuple]: queries and minus the final distances (<= block, Ng).

    Raises:
        ValueError: an option is out of range, the metric is Euclidean, there
            are not more than k1 and k2 images, images have no camera, or all
            features are equal.
    """
    images.require_cosine('rerank')
    valid = np.flatnonzero(~images.junk)
    num = len(images.query) + len(valid)
    k2_intra = check_reranking(
        k1=k1, k2=k2, lambda_value=lambda_value, k1_intra=k1_intra,
        k2_intra=k2_intra)
    owner = f'rerank of {num} images without junk'
    check_between(owner, 1, num - 1, k1=k1)
    check_between(owner, 1, num, k2=k2)
    unit = _unit_features(images, valid)
    if k1_intra is not None:
        encoding, largest = camera_aware_encodings(
            unit, _cameras(images, valid), k1, k2, k1_intra, k2_intra)
        return _blocks(images, unit, None, valid, encoding, largest,
                       lambda_value)
    cross = None
    if not unit.is_cuda and (
            4 * len(images.query) * len(valid) <= _PRODUCT_BYTES):
        cross = torch.empty(len(images.query), len(valid))
    encoding, largest = encodings(unit, k1, k2, cross)
    return _blocks(images, unit, cross, valid, encoding, largest,
                   lambda_value)


def check_reranking(*, k1: int, k2: int, lambda_value: float,
                    k1_intra: Optional[int], k2_intra: Optional[int]) -> int:
    """Raise ValueError for options that no images would fit.

    Args: see :func:`reranked_blocks`.

    Returns:
        int: ``k2_intra``, or its default.
    """
    check_count('rerank', 1, k1=k1, k2=k2)
    check_between('rerank', 0, 1, lambda_value=lambda_value)
    return checked_k2_intra('rerank', k1_intra, k2_intra)


def _cameras(images: QueryGallery, valid: np.ndarray) -> np.ndarray:
    """Cameras of query and gallery, all of them known."""
    cameras = np.concatenate([images.q_camids, images.g_camids[valid]])
    unknown = int((cameras < 0).sum())
    if unknown:
        raise ValueError(
            f'rerank with k1_intra: {unknown} of {len(cameras)} images of '
            f'{images.title} have no camera; leave k1_intra out')
    return cameras


def _unit_features(images: QueryGallery, valid: np.ndarray) -> Tensor:
    """Query and gallery features in one float32 tensor, of length 1."""
    size = len(images.query)
    unit = torch.empty(
        size + len(valid), images.query.shape[1], device=images.query.device)
    unit[:size] = images.query
    if images.junk.any():
        torch.index_select(
            images.gallery.float(), 0,
            torch.from_numpy(valid).to(unit.device), out=unit[size:])
    else:
        unit[size:] = images.gallery
    return normalise_rows(unit, out=unit)


@torch.inference_mode()
def _blocks(images: QueryGallery, unit: Tensor, cross: Optional[Tensor],
            valid: np.ndarray, encoding: sparse.csr_matrix,
            largest: np.ndarray,
            lambda_value: float) -> Iterator[tuple[slice, Tensor]]:
    size = len(images.query)
    own = encoding[:size]
    inverted = encoding[size:].tocsc()
    gallery = unit[size:]
    factors = (2 * lambda_value / largest[:size]).astype(np.float32)
    for rows in images.blocks():
        products = (multiply(unit[rows], gallery).cpu()
                    if cross is None else cross[rows])
        for _ in over_rows(
                _finish, len(products), products.numpy(), factors[rows],
                np.float32(1 - lambda_value), own.indptr[rows.start:],
                own.indices, own.data, inverted.indptr, inverted.indices,
                inverted.data, chunk=32):
            pass
        scores = products
        if images.junk.any():
            scores = products.new_full(
                (len(products), len(images.gallery)), -torch.inf)
            scores[:, torch.from_numpy(valid)] = products
        yield rows, scores


@compiled
def _finish(products: np.ndarray, factors: np.ndarray, jaccard: np.float32,
            indptr: np.ndarray, columns: np.ndarray, weights: np.ndarray,
            starts: np.ndarray, others: np.ndarray,
            other_weights: np.ndarray, begin: int, end: int) -> None:
    """Turn cosines into minus the final distances."""
    num = products.shape[1]
    shared = np.zeros(num, np.float64)
    touched = np.empty(num, np.int32)
    for row in range(begin, end):
        line = products[row]
        factor = factors[row]
        line[:] = factor * line - (factor + jaccard)
        met = 0
        for p in range(indptr[row], indptr[row + 1]):
            weight = weights[p]
            for q in range(starts[columns[p]], starts[columns[p] + 1]):
                other = others[q]
                if shared[other] == 0.0:
                    touched[met] = other
                    met += 1
                shared[other] += min(weight, other_weights[q])
        for t in range(met):
            total = shared[touched[t]]
            shared[touched[t]] = 0.0
            line[touched[t]] += jaccard * np.float32(total / (2 - total))
