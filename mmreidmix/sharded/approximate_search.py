"""Approximate neighbours: each process has inverted lists of its images."""

import logging
from collections.abc import Callable
from typing import Optional

import faiss
import numpy as np
import torch
from mmengine.dist import all_reduce, broadcast

from mmreidmix.distributed.shares import Shares, exchange
from mmreidmix.neighbours.approximate_search import (
    faiss_threads,
    fill_index,
    ivf_sample,
    ivf_sizes,
    list_order,
    lists_around,
    trained_lists,
)
from mmreidmix.neighbours.cross_search import nearest_of
from mmreidmix.neighbours.duplicates import (
    redundant_duplicates,
    redundant_lists,
)
from mmreidmix.neighbours.growing_lists import GrowingLists
from mmreidmix.neighbours.progress import Progress
from mmreidmix.neighbours.similarity import NeighbourLists, pair_similarities

logger = logging.getLogger(__name__)

# Questions of all processes that are answered at a time.
_ROWS = 8192
# Candidates beyond k: a few ties and rounding errors are settled among them.
_PAD = 8


def search_lists_together(features: np.ndarray, k: int, shares: Shares,
                          threads: Optional[int] = None, seed: int = 0,
                          **sizes: Optional[int]) -> NeighbourLists:
    """Find neighbours by inverted lists, whose centres all processes share.

    Each process asks all others, which answer with the best of their images.
    An image for which all of them know too few is compared with all images.

    Args:
        features (np.ndarray): (n, D) own unit rows.
        k (int): length of the lists, the image itself included; at most the
            number of all images.
        shares (Shares): who holds which images.
        threads (int, optional): default ``torch.get_num_threads()``.
        seed (int): of the training sample and of k-means.
        **sizes: ``nlist`` and ``nprobe``, see
            :func:`~mmreidmix.neighbours.approximate_search.approximate_search`.

    Returns:
        tuple[np.ndarray, np.ndarray]: (n, k), as of ``knn`` with 'ivf'.
    """
    rows = np.arange(len(features))
    own = GrowingLists(rows + shares.first, k)
    own.sims[:, 0] = pair_similarities(features, rows, features, rows, threads)
    leaders = redundant_duplicates(features, k, threads)
    kept = np.flatnonzero(leaders == rows)
    with faiss_threads(threads):
        index = _own_index(features, kept, seed, **sizes)

        def find(questions: np.ndarray) -> NeighbourLists:
            return _nearest(index, features, kept, questions, k, threads)

        _ask(own, features, kept[list_order(index)], find, shares, threads)
    short = kept[own.sizes[kept] < k]
    if _sum(len(short)):
        logger.info('ivf found fewer than k=%d images for %d rows, which are '
                    'compared with all', k, _sum(len(short)))
        own.sizes[short] = 1

        def search(questions: np.ndarray) -> NeighbourLists:
            found, sims = nearest_of(questions, features[kept], k, threads)
            return np.where(found < 0, -1, kept[found]), sims

        _ask(own, features, short, search, shares, threads)
    others = np.flatnonzero(leaders != rows)
    own.indices[others], own.sims[others] = redundant_lists(
        own.images[others], own.indices[leaders[others]],
        own.sims[leaders[others]])
    return own.indices, own.sims


def _sum(count: int) -> int:
    total = torch.tensor(count)
    all_reduce(total)
    return int(total)


def _own_index(features: np.ndarray, kept: np.ndarray, seed: int,
               **sizes: Optional[int]) -> faiss.IndexIVFFlat:
    """Lists of the own images around centres that the main process finds."""
    bank = Shares(len(kept))
    nlist, nprobe = ivf_sizes(len(bank), **sizes)
    wanted = ivf_sample(len(bank), nlist, seed)
    wanted = wanted if bank.rank == 0 else wanted[:0]
    sample = np.concatenate(exchange([
        features[kept[part - bank.first]].astype(np.float32)
        for part in exchange(bank.split(wanted))]))
    centres = torch.empty(nlist, features.shape[1])
    if bank.rank == 0:
        logger.info('ivf: %d images, nlist=%d, nprobe=%d, trained on %d',
                    len(bank), nlist, nprobe, len(sample))
        index = trained_lists(sample, nlist, nprobe, seed)
        centres.copy_(torch.from_numpy(
            index.quantizer.reconstruct_n(0, nlist)))
    broadcast(centres)
    index = lists_around(centres.numpy(), nprobe)
    fill_index(index, features, kept)
    return index


def _nearest(index: faiss.IndexIVFFlat, features: np.ndarray,
             kept: np.ndarray, questions: np.ndarray, k: int,
             threads: Optional[int]) -> NeighbourLists:
    """Own images that the index finds, and their exact similarities."""
    _, found = index.search(questions.astype(np.float32), k + _PAD)
    places = np.where(found < 0, 0, found)
    rows = np.repeat(np.arange(len(found)), found.shape[1])
    columns = kept[places].ravel() if len(kept) else places.ravel()
    sims = np.zeros(found.shape, np.float32)
    if len(kept):
        sims[:] = pair_similarities(
            questions, rows, features, columns, threads).reshape(found.shape)
    return (np.where(found < 0, -1, columns.reshape(found.shape)).astype(
        np.int32), sims)


def _ask(own: GrowingLists, features: np.ndarray, rows: np.ndarray,
         find: Callable[[np.ndarray], NeighbourLists], shares: Shares,
         threads: Optional[int]) -> None:
    """Put what all processes find for own rows into their lists."""
    queue, num = Shares(len(rows)), shares.world_size
    progress = Progress('search', queue.longest)
    for part in queue.chunks(max(1, _ROWS // num)):
        asked = rows[part]
        questions = exchange([features[asked]] * num)
        indices, sims = find(np.concatenate(questions))
        cuts = np.cumsum([len(each) for each in questions])[:-1]
        indices = np.where(indices < 0, -1, indices + shares.first).astype(
            np.int32)
        for answer in zip(exchange(np.split(indices, cuts)),
                          exchange(np.split(sims, cuts))):
            itself = answer[0] == own.images[asked][:, None]
            answer[0][itself] = -1
            own.add(asked, answer, threads)
        progress.add(part.stop - part.start)
