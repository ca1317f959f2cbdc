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

import numpy as np
import torch
from torch import Tensor

from mmreidmix.neighbours import normalise_rows
from mmreidmix.neighbours.k_reciprocal import average_encodings, encode_sets
from mmreidmix.neighbours.matmul import multiply
from mmreidmix.neighbours.numba_kernels import compiled, over_rows

from .query_gallery import Sides
from .rerank_neighbours import nearest_and_farthest

# Products of queries and gallery that are kept rather than computed twice.
_KEPT_BYTES = 512 << 20
OPTIONS = ('k1', 'k2', 'lambda_value')


def reranked_blocks(sides: Sides, *, k1: int = 20, k2: int = 6,
                    lambda_value: float = 0.3):
    """Blocks of scores as :meth:`Sides.score_blocks`, after re-ranking.

    Beside the given features there is one float32 copy of them, one in
    bfloat16 during the search, O((Nq + Ng) (k1 + k2)) for neighbours and
    encodings, and a block of scores. Neighbours are exact. Products of
    queries and gallery are kept from the search if they fit into 512 MiB,
    else computed again block by block.

    Args:
        sides (Sides): metric must be 'cosine'. Junk takes no part at all.
        k1 (int): length of the neighbour lists, without the image itself.
        k2 (int): encodings averaged over, with the image's own; 1 = none.
        lambda_value (float): weight of the original distance, 0..1.

    Yields:
        tuple: first query and minus the final distances (<= block, Ng).

    Raises:
        ValueError: an option is out of range, the metric is Euclidean, there
            are not more than k1 and k2 images, or all features are equal.
    """
    _check(sides, k1, k2, lambda_value)
    kept = np.flatnonzero(sides.g_pids >= 0)
    unit = _all_units(sides, kept)
    cross = _room_for_products(len(sides.query), len(kept), unit)
    encoding, largest = encodings(unit, k1, k2, cross)
    return _blocks(sides, unit, cross, kept, encoding, largest, lambda_value)


def _check(sides, k1, k2, lambda_value):
    if sides.metric != 'cosine':
        raise ValueError(
            f"rerank needs metric='cosine', got {sides.metric!r}")
    num = len(sides.query) + int((sides.g_pids >= 0).sum())
    for name, value, most in (('k1', k1, num - 1), ('k2', k2, num)):
        if not 1 <= value <= most:
            raise ValueError(f'rerank: {name} must be 1 to {most} with {num} '
                             f'images without junk, got {value}')
    if not 0 <= lambda_value <= 1:
        raise ValueError('rerank: lambda_value must be between 0 and 1, got '
                         f'{lambda_value}')


def _room_for_products(queries, gallery, unit):
    if unit.is_cuda or 4 * queries * gallery > _KEPT_BYTES:
        return None
    return torch.empty(queries, gallery)


def _all_units(sides: Sides, kept: np.ndarray) -> Tensor:
    """Query and gallery features in one float32 tensor, of length 1."""
    size = len(sides.query)
    unit = torch.empty(
        size + len(kept), sides.query.shape[1], device=sides.query.device)
    unit[:size] = sides.query
    if len(kept) == len(sides.gallery):
        unit[size:] = sides.gallery
    else:
        torch.index_select(
            sides.gallery.float(), 0,
            torch.from_numpy(kept).to(unit.device), out=unit[size:])
    return normalise_rows(unit, out=unit)


def encodings(unit: Tensor, k1: int, k2: int, cross=None, threads=None):
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
        tuple[scipy.sparse.csr_matrix, np.ndarray]: (N, N) float32, rows sum
        to 1; and the largest squared distance of each row, (N,) float32.

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


def _scale_softmax(encoding, largest: np.ndarray) -> None:
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
def _blocks(sides, unit, cross, kept, encoding, largest, lambda_value):
    size = len(sides.query)
    own = encoding[:size]
    inverted = encoding[size:].tocsc()
    gallery = unit[size:]
    factors = (2 * lambda_value / largest[:size]).astype(np.float32)
    for begin in range(0, size, sides.block):
        part = slice(begin, min(begin + sides.block, size))
        products = (multiply(unit[part], gallery).cpu()
                    if cross is None else cross[part])
        for _ in over_rows(
                _finish, len(products), products.numpy(), factors[part],
                np.float32(1 - lambda_value), own.indptr[begin:], own.indices,
                own.data, inverted.indptr, inverted.indices, inverted.data,
                chunk=32):
            pass
        if len(kept) == len(sides.gallery):
            yield begin, products
            continue
        scores = products.new_full(
            (len(products), len(sides.gallery)), -torch.inf)
        scores[:, torch.from_numpy(kept)] = products
        yield begin, scores


@compiled
def _finish(products, factors, jaccard, indptr, columns, weights, starts,
            others, other_weights, first, last):
    """Turn cosines into minus the final distances."""
    num = products.shape[1]
    shared = np.zeros(num, np.float64)
    touched = np.empty(num, np.int32)
    for row in range(first, last):
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
