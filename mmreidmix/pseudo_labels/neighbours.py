"""Exact nearest neighbours by cosine similarity, a block of rows at a time."""
import logging

import faiss
import numpy as np
import torch

from .compiled import compiled, over_rows

logger = logging.getLogger(__name__)

# Candidates beyond k: a few ties and rounding errors are settled among them.
_PAD = 8
_BLOCK_BYTES = 64 << 20


def _name(indices):
    shown = ', '.join(str(int(i)) for i in indices[:5])
    more = f' and {len(indices) - 5} more' if len(indices) > 5 else ''
    return f'{shown}{more}'


def normalise(features):
    """L2-normalise feature vectors, naming those that cannot be.

    Args:
        features (np.ndarray | torch.Tensor): (N, D), any float type.

    Returns:
        torch.Tensor: (N, D) float32, rows of length 1, on the same device.

    Raises:
        ValueError: If the input is not two-dimensional, or a vector is zero
            or holds NaN or infinity; the message names the image indices.
    """
    features = torch.as_tensor(features).detach()
    if features.ndim != 2 or not features.is_floating_point():
        raise ValueError(
            'features: expected a float array of shape (N, D), got '
            f'{features.dtype} of shape {tuple(features.shape)}')
    # The division by the largest entry keeps tiny and huge vectors exact.
    features = features.float()
    if features.shape[0] == 0:
        return features
    if features.shape[1] == 0:
        raise ValueError('features: the vectors have no dimension (D = 0)')
    largest = features.abs().amax(dim=1, keepdim=True)
    bad = torch.nonzero(~torch.isfinite(largest[:, 0]))[:, 0].tolist()
    if bad:
        raise ValueError(
            f'features of {len(bad)} images hold NaN or infinity: indices '
            f'{_name(bad)}; look for a diverged model or a broken image')
    zero = torch.nonzero(largest[:, 0] == 0)[:, 0].tolist()
    if zero:
        raise ValueError(
            f'features of {len(zero)} images are zero vectors, which have no '
            f'direction: indices {_name(zero)}')
    unit = features / largest
    return unit.div_(unit.norm(dim=1, keepdim=True))


@compiled(fastmath={'reassoc', 'contract', 'nsz'})
def _similarity(features, i, j):
    # Products of two float32 are exact in float64, so that the rounded sum
    # does not depend on how the additions are ordered.
    total = 0.0
    for d in range(features.shape[1]):
        total += np.float64(features[i, d]) * np.float64(features[j, d])
    return np.float32(total)


@compiled
def _select(features, rows, start, candidates, indices, sims, first, last):
    """Fill indices/sims of ``rows[first:last]`` from their candidates."""
    k = indices.shape[1]
    for r in range(first, last):
        i = rows[r]
        indices[r, 0] = i
        sims[r, 0] = _similarity(features, i, i)
        found = 1
        for c in range(start[r], start[r + 1]):
            j = candidates[c]
            if j == i:
                continue
            sim = _similarity(features, i, j)
            place = found
            while place > 1 and (sim > sims[r, place - 1]
                                 or (sim == sims[r, place - 1]
                                     and j < indices[r, place - 1])):
                place -= 1
            if place >= k:
                continue
            found = min(found + 1, k)
            for p in range(found - 1, place, -1):
                indices[r, p] = indices[r, p - 1]
                sims[r, p] = sims[r, p - 1]
            indices[r, place] = j
            sims[r, place] = sim


def _refine(features, rows, start, candidates, k, threads):
    indices = np.empty((len(rows), k), np.int32)
    sims = np.empty((len(rows), k), np.float32)
    for _ in over_rows(_select, len(rows), features, rows, start, candidates,
                       indices, sims, threads=threads, chunk=256):
        pass
    return indices, sims


def _wide_candidates(bank, rows, floor):
    """All images whose rough similarity to ``rows`` reaches ``floor``."""
    rough = bank[torch.as_tensor(rows, device=bank.device)] @ bank.T
    keep = rough >= torch.as_tensor(floor, device=bank.device)[:, None]
    start = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(keep.sum(dim=1).cpu().numpy(), out=start[1:])
    return start, keep.nonzero()[:, 1].to(torch.int32).cpu().numpy()


def _rough_error(dim):
    """Bound of |rough - exact| for the product of two unit vectors."""
    if torch.get_float32_matmul_precision() != 'highest':
        return np.float32(2.0**-6)  # bf16 products, 2^-7, at worst
    return np.float32(dim * 2.0**-23)  # sequential fp32 sums at worst


def _rough_search(bank, backend, width):
    """A function (first, last) -> rough similarities and candidates."""
    if backend == 'torch':
        def search(first, last):
            top = torch.topk(bank[first:last] @ bank.T, width, sorted=False)
            return top.values.cpu().numpy(), top.indices.cpu().numpy()
        return search
    host = np.ascontiguousarray(bank.cpu().numpy())
    index = faiss.IndexFlatIP(host.shape[1])
    index.add(host)
    return lambda first, last: index.search(host[first:last], width)


def knn(features, k, *, block=None, backend='torch', threads=None):
    """The k most similar images of every image, exact and in a fixed order.

    Similarity is the float64 dot product rounded to float32. A matrix product
    only proposes candidates; these are compared by that definition, and where
    a candidate list might be cut too early (many near-ties) all images within
    the product's error bound are compared. Order: the image itself, always,
    then falling similarity, equal similarity by rising index. The result so
    depends neither on block size, threads nor backend.

    Args:
        features (np.ndarray | torch.Tensor): (N, D) L2-normalised, see
            :func:`normalise`. A tensor is searched on its own device.
        k (int): Neighbours including the image itself. With fewer than k
            images all N are returned, and this is logged.
        block (int, optional): Rows of one matrix product; default about
            64 MiB of similarities.
        backend (str): 'torch', or 'faiss' (flat inner product, CPU).
        threads (int, optional): Threads of the comparison, default
            ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray]: indices (N, min(k, N)) int32 and
        similarities of the same shape, float32.

    Raises:
        ValueError: If k or block is not positive, the backend is unknown, or
            a vector is not finite or not of length 1.
    """
    if k < 1:
        raise ValueError(f'k={k}: expected at least 1')
    if block is not None and block < 1:
        raise ValueError(f'block={block}: expected at least 1')
    if backend not in ('torch', 'faiss'):
        raise ValueError(f"backend={backend!r}: expected 'torch' or 'faiss'")
    bank = torch.as_tensor(features).detach()
    if bank.ndim != 2:
        raise ValueError(f'features: expected shape (N, D), got '
                         f'{tuple(bank.shape)}')
    bank = bank.float().contiguous()
    num, dim = bank.shape
    if num == 0:
        return np.empty((0, 0), np.int32), np.empty((0, 0), np.float32)
    off = torch.nonzero(~((bank.norm(dim=1) - 1).abs() < 1e-3))[:, 0].tolist()
    if off:
        raise ValueError(
            f'{len(off)} vectors are not finite or not of length 1: indices '
            f'{_name(off)}; call normalise() first')
    if k > num:
        logger.info('only %d images for k=%d: all are neighbours', num, k)
        k = num

    host = bank.cpu().numpy()
    width = min(num, k + _PAD)
    if block is None:
        block = max(1, _BLOCK_BYTES // (4 * num))
    indices = np.empty((num, k), np.int32)
    sims = np.empty((num, k), np.float32)
    search = _rough_search(bank, backend, width)
    error = _rough_error(dim)
    for first in range(0, num, block):
        last = min(first + block, num)
        rough, candidates = search(first, last)
        rows = np.arange(first, last)
        start = np.arange(len(rows) + 1) * width
        indices[rows], sims[rows] = _refine(
            host, rows, start, candidates.astype(np.int32).ravel(), k,
            threads)
        if width == num:
            continue
        cut = sims[rows, -1] - rough.min(axis=1) <= error
        for part in np.array_split(rows[cut], -(-cut.sum() // block) or 1):
            start, candidates = _wide_candidates(
                bank, part, sims[part, -1] - error)
            indices[part], sims[part] = _refine(
                host, part, start, candidates, k, threads)
    return indices, sims
