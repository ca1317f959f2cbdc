"""Approximate search for many images: faiss inverted lists and graphs.

Johnson, Douze, Jegou: Billion-scale similarity search with GPUs, 2017
(inverted lists); Malkov, Yashunin: Efficient and robust approximate nearest
neighbor search using HNSW graphs, TPAMI 2020.
"""
import logging
from contextlib import contextmanager

import faiss
import numpy as np
import torch

from .progress import Progress
from .similarity import exhaust, refine

logger = logging.getLogger(__name__)

_ROWS = 8192
# Vectors per list that k-means is trained on: faiss's own least number.
_TRAINING = 40


@contextmanager
def faiss_threads(threads=None):
    """Threads of faiss inside, by default as many as torch takes."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads or torch.get_num_threads())
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _rows(host, order):
    return np.ascontiguousarray(host[order], np.float32)


def _fill(index, host, bank):
    progress = Progress('filling the index', len(bank))
    for a in range(0, len(bank), _ROWS):
        index.add(_rows(host, bank[a:a + _ROWS]))
        progress.add(len(bank[a:a + _ROWS]))


def _inverted_lists(host, bank, seed, nlist=None, nprobe=None):
    """Index with k-means lists, and queries in the order of their lists."""
    num, dim = len(bank), host.shape[1]
    if nlist is None:
        nlist = max(1, min(round(4 * num**0.5), num // _TRAINING))
    if not 1 <= nlist <= num:
        raise ValueError(f'nlist={nlist}: expected 1 to {num}, the number of '
                         'different images')
    if nprobe is None:
        nprobe = max(16, nlist // 64)
    nprobe = min(nprobe, nlist)
    index = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(dim), dim, nlist, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = seed
    index.cp.min_points_per_centroid = 1
    index.nprobe = nprobe
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(num)[:_TRAINING * nlist])
    logger.info('ivf: %d images, nlist=%d, nprobe=%d, trained on %d', num,
                nlist, nprobe, len(chosen))
    index.train(_rows(host, bank[chosen]))
    _fill(index, host, bank)
    return index


def _graph(host, bank, seed, links=32, build=80, breadth=64):
    """Index with a graph of neighbours."""
    index = faiss.IndexHNSWFlat(
        host.shape[1], links, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = build
    index.hnsw.efSearch = breadth
    index.hnsw.rng = faiss.RandomGenerator(seed)
    logger.info('hnsw: %d images, links=%d, build=%d, breadth=%d',
                len(bank), links, build, index.hnsw.efSearch)
    with faiss_threads(1):
        _fill(index, host, bank)
    return index


def _list_order(index):
    lists = index.invlists
    return np.concatenate([
        faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy()
        for i in range(index.nlist) if lists.list_size(i)])


OPTIONS = {
    'ivf': ('nlist', 'nprobe', 'seed'),
    'hnsw': ('links', 'build', 'breadth', 'seed')
}


def approximate_search(host, view, order, num_rows, k, *, backend, block=None,
                       threads=None, seed=0, **options):
    """Propose neighbours by an index, and sort them by exact similarity.

    Where the index finds fewer than k images, which is logged, a row is
    compared with all of them: every list is full. The same seed gives the
    same lists; for that a graph is built on one thread.

    Args:
        host (np.ndarray): (N, D) unit features, float32 or float16.
        view (np.ndarray): Its :func:`~similarity.kernel_view`.
        order (np.ndarray): (B,) different images, B >= k; the first
            ``num_rows`` of them are those asked for.
        num_rows (int): How many are asked for.
        k (int): Length of the lists.
        backend (str): 'ivf' = inverted lists, 'hnsw' = neighbour graph.
        block (int, optional): Rows of one call, default 8192.
        threads (int, optional): Default ``torch.get_num_threads()``.
        seed (int): Of the training sample, k-means and the graph's levels.
        **options: 'ivf': ``nlist`` lists (default 4 sqrt(B)), of which
            ``nprobe`` are searched (default nlist / 64, at least 16). 'hnsw':
            ``links`` per image (32), breadth of the search while it is built
            (``build``, 80) and used (``breadth``, 2 k).

    Returns:
        tuple[np.ndarray, np.ndarray]: (num_rows, k) indices and similarities.

    Raises:
        ValueError: If an option is unknown or not allowed.
    """
    unknown = sorted(set(options) - set(OPTIONS[backend]))
    if unknown:
        raise ValueError(f'options: {unknown} unknown; backend {backend!r} '
                         f'takes {OPTIONS[backend]}')
    for name, value in options.items():
        if value is not None and value < 1:
            raise ValueError(f'{name}={value}: expected at least 1')
    bank = np.sort(order)  # one index, whichever rows are asked for
    asked = np.full(len(bank), -1)
    asked[np.searchsorted(bank, order[:num_rows])] = np.arange(num_rows)
    block = block or _ROWS
    width = min(len(bank), k + 8)
    indices = np.empty((num_rows, k), np.int32)
    sims = np.empty((num_rows, k), np.float32)
    short = []
    with faiss_threads(threads):
        if backend == 'ivf':
            index = _inverted_lists(host, bank, seed, **options)
            queries = _list_order(index)  # neighbouring queries share lists
        else:
            options.setdefault('breadth', 2 * k)
            index = _graph(host, bank, seed, **options)
            queries = np.arange(len(bank))
        queries = queries[asked[queries] >= 0]
        progress = Progress(f'{backend} search', num_rows)
        for a in range(0, num_rows, block):
            places = queries[a:a + block]
            part = asked[places]
            _, found = index.search(_rows(host, bank[places]), width)
            counts = (found >= 0).sum(axis=1)
            itself = (found == places[:, None]).any(axis=1)
            short.append(part[counts + ~itself < k])
            indices[part], sims[part] = refine(
                view, bank[places], np.arange(len(part)) * width, counts,
                bank[found.ravel()], k, threads)
            progress.add(len(part))
    short = np.concatenate(short)
    if len(short):
        logger.info('%s found fewer than k=%d images for %d rows, which are '
                    'compared with all', backend, k, len(short))
        indices[short], sims[short] = exhaust(view, order[short], bank, k,
                                              threads)
    return indices, sims
