"""k-reciprocal re-ranking without a matrix of all images.

Zhong, Zheng, Cao, Li: Re-ranking Person Re-identification with k-reciprocal
Encoding, CVPR 2017. The final distance of query q and gallery image g is

    (1 - lambda) d_J(q, g) + lambda d(q, g)

with d the squared Euclidean distance of the normalised features divided by
the largest of the row, and d_J the Jaccard distance of the encodings. d_J is
1 unless two encodings overlap, so it is held for overlapping pairs only, and
blocks of d are corrected by it.

The encodings differ from those of the pseudo labels: see :func:`encodings`.
"""

from collections.abc import Iterator
from typing import Optional

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from mmreidmix.checks import check_between
from mmreidmix.neighbours import normalise_rows
from mmreidmix.neighbours.k_reciprocal import average_encodings, encode_sets
from mmreidmix.neighbours.matmul import multiply
from mmreidmix.neighbours.numba_kernels import compiled, over_rows

from .query_gallery import QueryGallery
from .rerank_neighbours import nearest_and_farthest

# Products of queries and gallery up to this size are kept, not computed twice.
_PRODUCT_BYTES = 512 << 20

def reranked_blocks(
        images: QueryGallery,
        *,
        k1: int = 20,
        k2: int = 6,
        lambda_value: float = 0.3) -> Iterator[tuple[slice, Tensor]]:
    """Blocks of scores as :meth:`QueryGallery.score_blocks`, re-ranked.

    Beside the given features there is one float32 copy of them, one in
    bfloat16 during the search, O((Nq + Ng) (k1 + k2)) for neighbours and
    encodings, and a block of scores. Neighbours are exact. Products of
    queries and gallery are kept from the search if they fit into 512 MiB,
    else computed again block by block.

    Args:
        images (QueryGallery): metric must be 'cosine'. Junk takes no part at
            all.
        k1 (int): length of the neighbour lists, without the image itself.
        k2 (int): encodings averaged over, with the image's own; 1 = none.
        lambda_value (float): weight of the original distance, 0..1.

    Returns:
        Iterator[tuple]: queries and minus the final distances (<= block, Ng).

    Raises:
        ValueError: an option is out of range, the metric is Euclidean, there
            are not more than k1 and k2 images, or all features are equal.
    """
    images.require_cosine('rerank')
    valid = np.flatnonzero(~images.junk)
    num = len(images.query) + len(valid)
    owner = f'rerank of {num} images without junk'
    check_between(owner, 1, num - 1, k1=k1)
    check_between(owner, 1, num, k2=k2)
    check_between('rerank', 0, 1, lambda_value=lambda_value)
    unit = _unit_features(images, valid)
    cross = None
    if not unit.is_cuda and (
            4 * len(images.query) * len(valid) <= _PRODUCT_BYTES):
        cross = torch.empty(len(images.query), len(valid))
    encoding, largest = encodings(unit, k1, k2, cross)
    return _blocks(images, unit, cross, valid, encoding, largest,
                   lambda_value)


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
        k1 (int): see :func:`reranked_blocks`.
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
    largest = 2 - 2 * lowest
    if not (largest > 1e-6).all():
        raise ValueError('rerank: all features are equal; the model has '
                         'probably collapsed')
    encoding = encode_sets(
        indices[:, :k1 + 1], sims[:, :k1 + 1], unit.cpu().numpy(),
        half=int(np.around(k1 / 2)) + 1, threads=threads)
    _scale_softmax(encoding, largest)
    return average_encodings(
        encoding, indices[:, :k2], threads=threads), largest


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
