"""Approximate search for many images: faiss inverted lists and graphs.

Johnson, Douze, Jegou: Billion-scale similarity search with GPUs, 2017
(inverted lists); Malkov, Yashunin: Efficient and robust approximate nearest
neighbor search using HNSW graphs, TPAMI 2020.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

import faiss
import numpy as np
import torch

from mmreidmix.checks import check_at_least
from mmreidmix.choices import APPROXIMATE_BACKENDS

from .progress import Progress
from .similarity import (
    NeighbourLists,
    SearchTask,
    empty_lists,
    rank_all,
    rank_candidates,
)

logger = logging.getLogger(__name__)

_ROWS = 8192
# Vectors per list that k-means is trained on: faiss's own least number.
_TRAINING = 40


@contextmanager
def faiss_threads(threads: Optional[int] = None) -> Iterator[None]:
    """Threads of faiss inside, by default as many as torch takes."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads or torch.get_num_threads())
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _float32(features: np.ndarray, order: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(features[order], np.float32)


def fill_index(index: faiss.Index, features: np.ndarray,
               bank: np.ndarray) -> None:
    """Add the images of the bank, in this order."""
    progress = Progress('filling the index', len(bank))
    for a in range(0, len(bank), _ROWS):
        part = _float32(features, bank[a:a + _ROWS])
        index.add(part)
        progress.add(len(part))


def ivf_sizes(num: int, nlist: Optional[int] = None,
              nprobe: Optional[int] = None) -> tuple[int, int]:
    """Number of lists for ``num`` images, and how many are searched."""
    if nlist is None:
        nlist = max(1, min(round(4 * num**0.5), num // _TRAINING))
    if not 1 <= nlist <= num:
        raise ValueError(f'nlist={nlist}: expected 1 to {num}, the number of '
                         'different images')
    return nlist, min(nprobe or max(16, nlist // 64), nlist)


def ivf_sample(num: int, nlist: int, seed: int) -> np.ndarray:
    """Images that the lists are trained on, in rising order."""
    random = np.random.default_rng(seed)
    return np.sort(random.permutation(num)[:_TRAINING * nlist])


def trained_lists(sample: np.ndarray, nlist: int, nprobe: int,
                  seed: int) -> faiss.IndexIVFFlat:
    """Empty inverted lists, trained on (S, D) float32 rows."""
    dim = sample.shape[1]
    index = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(dim), dim, nlist, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = seed
    index.cp.min_points_per_centroid = 1
    index.nprobe = nprobe
    index.train(sample)
    return index


def lists_around(centres: np.ndarray, nprobe: int) -> faiss.IndexIVFFlat:
    """Empty inverted lists around (L, D) float32 centres."""
    num, dim = centres.shape
    quantizer = faiss.IndexFlatIP(dim)
    quantizer.add(centres)
    index = faiss.IndexIVFFlat(
        quantizer, dim, num, faiss.METRIC_INNER_PRODUCT)
    index.nprobe = nprobe
    index.train(centres)  # there is nothing left to train
    return index


def _inverted_lists(features: np.ndarray, bank: np.ndarray, seed: int,
                    **sizes: Optional[int]) -> faiss.IndexIVFFlat:
    num = len(bank)
    nlist, nprobe = ivf_sizes(num, **sizes)
    sample = ivf_sample(num, nlist, seed)
    logger.info('ivf: %d images, nlist=%d, nprobe=%d, trained on %d', num,
                nlist, nprobe, len(sample))
    index = trained_lists(
        _float32(features, bank[sample]), nlist, nprobe, seed)
    fill_index(index, features, bank)
    return index


def _graph(features: np.ndarray, bank: np.ndarray, seed: int, breadth: int,
           links: int = 32, build: int = 80) -> faiss.IndexHNSWFlat:
    index = faiss.IndexHNSWFlat(
        features.shape[1], links, faiss.METRIC_INNER_PRODUCT)
    graph: Any = index.hnsw
    graph.efConstruction = build
    graph.efSearch = breadth
    graph.rng = faiss.RandomGenerator(seed)  # type: ignore[attr-defined]
    logger.info('hnsw: %d images, links=%d, build=%d, breadth=%d',
                len(bank), links, build, breadth)
    with faiss_threads(1):
        fill_index(index, features, bank)
    return index


def list_order(index: faiss.IndexIVFFlat) -> np.ndarray:
    """Images list by list: queries that come together share lists."""
    lists: Any = index.invlists
    return np.concatenate([np.arange(0)] + [
        faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy()
        for i in range(index.nlist) if lists.list_size(i)])


def approximate_search(task: SearchTask, backend: str, *, seed: int = 0,
                       **options: Any) -> NeighbourLists:
    """Propose neighbours by an index, and sort them by exact similarity.

    Where the index finds fewer than k images, which is logged, a row is
    compared with all of them: every list is full. The same seed gives the
    same lists; for that a graph is built on one thread.

    Args:
        task (SearchTask): a block is by default 8192 rows.
        backend (str): 'ivf' = inverted lists, 'hnsw' = neighbour graph.
        seed (int): of the training sample, k-means and the graph's levels.
        **options: 'ivf': ``nlist`` lists (default 4 sqrt(B)), of which
            ``nprobe`` are searched (default nlist / 64, at least 16). 'hnsw':
            ``links`` per image (32), breadth of the search while it is built
            (``build``, 80) and used (``breadth``, 2 k).

    Raises:
        ValueError: an option is unknown or not allowed.
    """
    features, order, num_rows, k, block, threads = task
    known = APPROXIMATE_BACKENDS[backend]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f'options: {unknown} unknown; backend {backend!r} '
                         f'takes {known}')
    check_at_least(backend, 1, **{
        name: value for name, value in options.items() if value is not None})
    bank = np.sort(order)  # one index, whichever rows are asked for
    asked = np.full(len(bank), -1)
    asked[np.searchsorted(bank, order[:num_rows])] = np.arange(num_rows)
    block = block or _ROWS
    width = min(len(bank), k + 8)
    indices, sims = empty_lists(num_rows, k)
    short = []
    with faiss_threads(threads):
        if backend == 'ivf':
            index: Any = _inverted_lists(features, bank, seed, **options)
            queries = list_order(index)
        else:
            options.setdefault('breadth', 2 * k)
            index = _graph(features, bank, seed, **options)
            queries = np.arange(len(bank))
        queries = queries[asked[queries] >= 0]
        progress = Progress(f'{backend} search', num_rows)
        for a in range(0, num_rows, block):
            places = queries[a:a + block]
            part = asked[places]
            _, found = index.search(_float32(features, bank[places]), width)
            counts = (found >= 0).sum(axis=1)
            itself = (found == places[:, None]).any(axis=1)
            short.append(part[counts + ~itself < k])
            indices[part], sims[part] = rank_candidates(
                features, bank[places], np.arange(len(part)) * width, counts,
                bank[found.ravel()], k, threads)
            progress.add(len(part))
    rows = np.concatenate(short)
    if len(rows):
        logger.info('%s found fewer than k=%d images for %d rows, which are '
                    'compared with all', backend, k, len(rows))
        indices[rows], sims[rows] = rank_all(
            features, order[rows], bank, k, threads)
    return indices, sims
