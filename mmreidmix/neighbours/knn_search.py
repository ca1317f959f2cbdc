"""Nearest neighbours by cosine similarity, in a fixed order."""

import logging
from typing import Any, Optional, Union

import numpy as np
import torch
from torch import Tensor

from mmreidmix.checks import check_choice, check_count, name_some
from mmreidmix.choices import (
    APPROXIMATE_BACKENDS,
    BACKENDS,
    EXACT_BACKENDS,
)

from .approximate_search import approximate_search
from .duplicates import redundant_duplicates, redundant_lists
from .exact_search import streamed_search, topk_search
from .numba_kernels import cached_blocks
from .similarity import NeighbourLists, SearchTask, empty_lists, rank_all

logger = logging.getLogger(__name__)

Features = Union[np.ndarray, Tensor]


def normalise_rows(features: Features, out: Optional[Any] = None) -> Any:
    """L2-normalise feature vectors, naming those that cannot be.

    A block of rows at a time, so that features and result may be memory maps
    larger than the memory.

    Args:
        features (np.ndarray | Tensor): (N, D), any float type.
        out (np.ndarray | Tensor, optional): (N, D) where the result goes, of
            any float type; may be ``features`` itself. What it holds after an
            error is undefined.

    Returns:
        Tensor: (N, D) float32, rows of length 1, on the same device; or
        ``out``.

    Raises:
        ValueError: the input is not two-dimensional, or a vector is zero or
            holds NaN or infinity; the message names the image indices.
    """
    if isinstance(features, Tensor):
        features = features.detach()
        floating = features.is_floating_point()
    else:
        features = np.asarray(features)
        floating = np.issubdtype(features.dtype, np.floating)
    if features.ndim != 2 or not floating:
        raise ValueError(
            'features: expected a float array of shape (N, D), got '
            f'{features.dtype} of shape {tuple(features.shape)}')
    num, dim = features.shape
    if out is None:
        out = torch.empty(num, dim, dtype=torch.float32,
                          device=getattr(features, 'device', 'cpu'))
    if tuple(out.shape) != (num, dim):
        raise ValueError(f'out: expected shape {(num, dim)}, got '
                         f'{tuple(out.shape)}')
    if num and not dim:
        raise ValueError('features: the vectors have no dimension (D = 0)')
    bad: list[int] = []
    zero: list[int] = []
    for part in cached_blocks(num, dim):
        # A copy, so that neither its maker nor its flags matter.
        unit = (features[part].to(torch.float32, copy=True)
                if isinstance(features, Tensor) else
                torch.from_numpy(np.array(features[part], np.float32)))
        # Division by the largest entry keeps tiny and huge vectors exact.
        largest = unit.abs().amax(dim=1, keepdim=True)
        for found, images in ((~torch.isfinite(largest), bad),
                              (largest == 0, zero)):
            images += (found.nonzero()[:, 0] + part.start).tolist()
        unit /= largest
        unit /= unit.norm(dim=1, keepdim=True)
        out[part] = unit if isinstance(out, Tensor) else unit.cpu()
    if bad:
        raise ValueError(
            f'features of {len(bad)} images hold NaN or infinity: indices '
            f'{name_some(bad)}; look for a diverged model or a broken image')
    if zero:
        raise ValueError(
            f'features of {len(zero)} images are zero vectors, which have no '
            f'direction: indices {name_some(zero)}')
    return out


def _on_host(features: Features) -> np.ndarray:
    """float32 or float16 in main memory or a file, not copied if it is."""
    if isinstance(features, Tensor):
        features = features.detach()
        if features.dtype not in (torch.float32, torch.float16):
            features = features.float()
        return features.cpu().numpy()
    features = np.asarray(features)
    half = features.dtype == np.float16
    return features.astype(np.float16 if half else np.float32, copy=False)


def _check_unit(host: np.ndarray) -> None:
    off: list[int] = []
    for part in cached_blocks(*host.shape):
        length = np.linalg.norm(host[part].astype(np.float32), axis=1)
        # Written so that NaN is found too.
        off += (np.flatnonzero(~(abs(length - 1) < 1e-3)) +
                part.start).tolist()
    if off:
        raise ValueError(
            f'{len(off)} vectors are not finite or not of length 1: indices '
            f'{name_some(off)}; call normalise_rows() first')


def _search(task: SearchTask, features: Features, backend: str,
            options: Optional[dict]) -> NeighbourLists:
    if backend in APPROXIMATE_BACKENDS:
        return approximate_search(task, backend, **options or {})
    if isinstance(features, Tensor) and features.is_cuda:
        bank = features.detach()[torch.from_numpy(task.order)].float()
    elif backend == 'torch':
        return streamed_search(task)
    else:
        bank = torch.from_numpy(task.features[task.order]).float()
    return topk_search(task, bank, backend)


def knn(features: Features, k: int, *, block: Optional[int] = None,
        backend: str = 'torch', threads: Optional[int] = None,
        rows: Optional[tuple[int, int]] = None,
        options: Optional[dict] = None) -> NeighbourLists:
    """Find the k most similar images of every image, in a fixed order.

    Similarity is the float64 dot product rounded to float32. The backends
    only propose candidates; these are compared by that definition. The exact
    backends propose, by a bound of their errors, every image that may belong
    to a list: their result depends neither on the backend, nor on block size,
    number format of the products or threads. Order: the image itself, always,
    then falling similarity, equal similarity by rising index.

    Args:
        features (np.ndarray | Tensor): (N, D) L2-normalised, see
            :func:`normalise_rows`. float32 and float16 are used as they are,
            also from a memory map; other types are converted to float32
            first. A tensor on a GPU is searched there.
        k (int): neighbours including the image itself. With fewer than k
            images all N are returned, and this is logged.
        block (int, optional): rows of one product or one call.
        backend (str): exact: 'torch', or 'faiss' (flat inner product, CPU).
            Approximate, for many images: 'ivf' or 'hnsw' of faiss, see
            :func:`~mmreidmix.neighbours.approximate_search.approximate_search`.
        threads (int, optional): threads of selection and comparison, default
            ``torch.get_num_threads()``.
        rows (tuple[int, int], optional): first and last (exclusive) image
            whose neighbours are wanted, by which processes share the work;
            default all. The lists are those of a search of all.
        options (dict, optional): settings of an approximate backend.

    Returns:
        tuple[np.ndarray, np.ndarray]: indices (R, min(k, N)) int32 and
        similarities of the same shape, float32, with R = N or the number of
        ``rows``.

    Raises:
        ValueError: k, block, rows, backend or an option is not allowed, or a
            vector is not finite or not of length 1.
    """
    check_count('knn', 1, k=k, block=1 if block is None else block)
    check_choice('knn', BACKENDS, backend=backend)
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
        return empty_lists(0, k)

    leaders = redundant_duplicates(host, k, threads)
    wanted = np.arange(first, last)
    # Sorted, without redundant duplicates; the rows searched for come first.
    searched, places = np.unique(leaders[first:last], return_inverse=True)
    others = leaders == np.arange(num)
    others[searched] = False
    order = np.concatenate([searched, np.flatnonzero(others)])
    task = SearchTask(host, order, len(searched), k, block, threads)
    indices, sims = _search(task, features, backend, options)
    if len(searched) < last - first or (searched != wanted).any():
        indices, sims = indices[places], sims[places]
        redundant = np.flatnonzero(leaders[first:last] != wanted)
        indices[redundant], sims[redundant] = redundant_lists(
            wanted[redundant], indices[redundant], sims[redundant])
    return indices, sims


def neighbour_recall(features: Features, indices: np.ndarray,
                     sample: int = 1000, seed: int = 0, *,
                     threads: Optional[int] = None) -> float:
    """Share of the true neighbours that neighbour lists hold.

    Args:
        features (np.ndarray | Tensor): (N, D), as for :func:`knn`.
        indices (np.ndarray): (N, k) lists to be judged, images first in their
            own.
        sample (int): images whose lists are compared with an exact search.
        seed (int): of the choice of these.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        float: mean over the sampled images of the found share of their k - 1
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
    exact, _ = rank_all(host, rows, np.arange(num), k, threads)
    found = [len(np.intersect1d(a[1:], b[1:]))
             for a, b in zip(indices[rows], exact)]
    return float(np.mean(found) / (k - 1))
