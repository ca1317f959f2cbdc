"""Nearest neighbours by cosine similarity, in a fixed order."""
import logging

import numpy as np
import torch

from mmreidmix.checks import name_some

from .approximate_search import approximate_search
from .duplicates import lists_of_surplus, surplus
from .exact_search import streamed_search, topk_search
from .similarity import exhaust, kernel_view

logger = logging.getLogger(__name__)

EXACT_BACKENDS = ('torch', 'faiss')
APPROXIMATE_BACKENDS = ('ivf', 'hnsw')
BACKENDS = EXACT_BACKENDS + APPROXIMATE_BACKENDS
# Blocks of rows that stay in the cache.
_BLOCK_BYTES = 2 << 20


def _blocks(num, dim):
    step = max(1, _BLOCK_BYTES // (4 * max(dim, 1)))
    return [slice(a, min(a + step, num)) for a in range(0, num, step)]


def _check_shape(features):
    floating = (features.is_floating_point()
                if isinstance(features, torch.Tensor) else
                np.issubdtype(features.dtype, np.floating))
    if features.ndim != 2 or not floating:
        raise ValueError(
            'features: expected a float array of shape (N, D), got '
            f'{features.dtype} of shape {tuple(features.shape)}')


def _as_tensor(block):
    """A float32 copy, so that neither its maker nor its flags matter."""
    if isinstance(block, torch.Tensor):
        return block.to(torch.float32, copy=True)
    return torch.from_numpy(np.array(block, np.float32))


def normalise(features, out=None):
    """L2-normalise feature vectors, naming those that cannot be.

    A block of rows at a time, so that features and result may be memory maps
    larger than the memory.

    Args:
        features (np.ndarray | torch.Tensor): (N, D), any float type.
        out (np.ndarray | torch.Tensor, optional): (N, D) where the result
            goes, of any float type; may be ``features`` itself. What it holds
            after an error is undefined.

    Returns:
        torch.Tensor: (N, D) float32, rows of length 1, on the same device;
        or ``out``.

    Raises:
        ValueError: If the input is not two-dimensional, or a vector is zero
            or holds NaN or infinity; the message names the image indices.
    """
    if isinstance(features, torch.Tensor):
        features = features.detach()
    elif not isinstance(features, np.ndarray):
        features = np.asarray(features)
    _check_shape(features)
    num, dim = features.shape
    if out is None:
        device = getattr(features, 'device', None)
        device = device if isinstance(device, torch.device) else 'cpu'
        out = torch.empty(num, dim, dtype=torch.float32, device=device)
    if tuple(out.shape) != (num, dim):
        raise ValueError(f'out: expected shape {(num, dim)}, got '
                         f'{tuple(out.shape)}')
    if num and not dim:
        raise ValueError('features: the vectors have no dimension (D = 0)')
    bad, zero = [], []
    for part in _blocks(num, dim):
        unit = _as_tensor(features[part])
        # Division by the largest entry keeps tiny and huge vectors exact.
        largest = unit.abs().amax(dim=1, keepdim=True)
        for found, names in ((~torch.isfinite(largest), bad),
                             (largest == 0, zero)):
            names += (found.nonzero()[:, 0] + part.start).tolist()
        unit /= largest
        unit /= unit.norm(dim=1, keepdim=True)
        out[part] = unit if isinstance(out, torch.Tensor) else unit.cpu()
    if bad:
        raise ValueError(
            f'features of {len(bad)} images hold NaN or infinity: indices '
            f'{name_some(bad)}; look for a diverged model or a broken image')
    if zero:
        raise ValueError(
            f'features of {len(zero)} images are zero vectors, which have no '
            f'direction: indices {name_some(zero)}')
    return out


def _on_host(features):
    """float32 or float16 in main memory or a file, not copied if it is."""
    if isinstance(features, torch.Tensor):
        features = features.detach()
        if features.dtype not in (torch.float32, torch.float16):
            features = features.float()
        return features.cpu().numpy()
    features = np.asarray(features)
    if features.dtype in (np.float32, np.float16):
        return features
    return features.astype(np.float32)


def _check_unit(host):
    off = []
    for part in _blocks(*host.shape):
        length = np.linalg.norm(host[part].astype(np.float32), axis=1)
        # Written so that NaN is found too.
        off += (np.flatnonzero(~(abs(length - 1) < 1e-3)) +
                part.start).tolist()
    if off:
        raise ValueError(
            f'{len(off)} vectors are not finite or not of length 1: indices '
            f'{name_some(off)}; call normalise() first')


def _search(features, host, order, num_rows, k, block, backend, threads,
            options):
    view = kernel_view(host)
    common = {'block': block, 'threads': threads}
    if backend in APPROXIMATE_BACKENDS:
        return approximate_search(host, view, order, num_rows, k,
                                  backend=backend, **common, **options)
    on_cpu = getattr(features, 'is_cuda', False) is False
    if backend == 'torch' and on_cpu:
        return streamed_search(host, view, order, num_rows, k, **common)
    if on_cpu:
        bank = torch.from_numpy(host[order]).float()
    else:
        bank = features.detach()[torch.from_numpy(order)].float()
    return topk_search(bank, view, order, num_rows, k, backend=backend,
                       **common)


def knn(features, k, *, block=None, backend='torch', threads=None, rows=None,
        options=None):
    """The k most similar images of every image, in a fixed order.

    Similarity is the float64 dot product rounded to float32. The backends
    only propose candidates; these are compared by that definition. The exact
    backends propose, by a bound of their errors, every image that may belong
    to a list: their result depends neither on the backend, nor on block size,
    number format of the products or threads. Order: the image itself, always,
    then falling similarity, equal similarity by rising index.

    Args:
        features (np.ndarray | torch.Tensor): (N, D) L2-normalised, see
            :func:`normalise`. float32 and float16 are used as they are, also
            from a memory map; other types are converted to float32 first. A
            tensor on a GPU is searched there.
        k (int): Neighbours including the image itself. With fewer than k
            images all N are returned, and this is logged.
        block (int, optional): Rows of one product or one call.
        backend (str): Exact: 'torch', or 'faiss' (flat inner product, CPU).
            Approximate, for many images: 'ivf' or 'hnsw' of faiss, see
            :func:`~mmreidmix.neighbours.approximate_search.approximate_search`.
        threads (int, optional): Threads of selection and comparison, default
            ``torch.get_num_threads()``.
        rows (tuple[int, int], optional): First and last (exclusive) image
            whose neighbours are wanted, by which processes share the work;
            default all. The lists are those of a search of all.
        options (dict, optional): Settings of an approximate backend.

    Returns:
        tuple[np.ndarray, np.ndarray]: indices (R, min(k, N)) int32 and
        similarities of the same shape, float32, with R = N or the number of
        ``rows``.

    Raises:
        ValueError: If k, block, rows, backend or an option is not allowed, or
            a vector is not finite or not of length 1.
    """
    if k < 1:
        raise ValueError(f'k={k}: expected at least 1')
    if block is not None and block < 1:
        raise ValueError(f'block={block}: expected at least 1')
    if backend not in BACKENDS:
        raise ValueError(f'backend={backend!r}: expected one of {BACKENDS}')
    if options and backend in EXACT_BACKENDS:
        raise ValueError(f'options={options}: backend {backend!r} has none')
    host = _on_host(features)
    if host.ndim != 2:
        raise ValueError(f'features: expected shape (N, D), got {host.shape}')
    num = len(host)
    first, last = (0, num) if rows is None else rows
    if not 0 <= first <= last <= num:
        raise ValueError(f'rows={rows}: expected (first, last) with '
                         f'0 <= first <= last <= {num}')
    _check_unit(host)
    if k > num:
        logger.info('only %d images for k=%d: all are neighbours', num, k)
        k = num
    if first == last:
        return (np.empty((0, k), np.int32), np.empty((0, k), np.float32))

    leaders = surplus(host, k, threads)
    wanted = np.arange(first, last)
    # Sorted, without surplus duplicates; the rows searched for come first.
    searched, places = np.unique(leaders[first:last], return_inverse=True)
    others = leaders == np.arange(num)
    others[searched] = False
    order = np.concatenate([searched, np.flatnonzero(others)])
    indices, sims = _search(features, host, order, len(searched), k, block,
                            backend, threads, options or {})
    if len(searched) < last - first or (searched != wanted).any():
        indices, sims = indices[places], sims[places]
        moved = np.flatnonzero(leaders[first:last] != wanted)
        indices[moved], sims[moved] = lists_of_surplus(
            wanted[moved], indices[moved], sims[moved])
    return indices, sims


def neighbour_recall(features, indices, sample=1000, seed=0, *, threads=None):
    """Share of the true neighbours that neighbour lists hold.

    Args:
        features (np.ndarray | torch.Tensor): (N, D), as for :func:`knn`.
        indices (np.ndarray): (N, k) lists to be judged, images first in their
            own.
        sample (int): Images whose lists are compared with an exact search.
        seed (int): Of the choice of these.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        float: Mean over the sampled images of the found share of their k - 1
        most similar others; 1 where there are none.
    """
    host = _on_host(features)
    num, k = indices.shape
    if len(host) != num:
        raise ValueError(f'indices: {num} lists for {len(host)} images')
    if k < 2:
        return 1.0
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(num)[:sample])
    exact, _ = exhaust(kernel_view(host), rows, np.arange(num), k, threads)
    found = [len(np.intersect1d(a[1:], b[1:]))
             for a, b in zip(indices[rows], exact)]
    return float(np.mean(found) / (k - 1))
