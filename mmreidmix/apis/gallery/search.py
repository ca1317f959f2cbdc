"""Steps of a search: filter, find images, re-rank."""

import fnmatch
import re
from collections.abc import Callable, Sequence
from typing import Any, Optional

import numpy as np
import torch

from mmreidmix.checks import check_count
from mmreidmix.evaluation.functional.query_gallery import QueryGallery
from mmreidmix.evaluation.functional.reranking import reranked_blocks

from .checks import integers
from .flat_search import Neighbours, exact_search, nearest
from .image_table import ImageTable
from .index import GalleryIndex

#: Up to so many images are compared without an index: it takes milliseconds.
EXACT_LIMIT = 20_000
_CANDIDATES = 100
# Of the re-ranking.
OPTIONS = ('k1', 'k2', 'lambda_value', 'k1_intra', 'k2_intra')


def passing_images(images: ImageTable, camids: Optional[Sequence[int]] = None,
                   exclude_camids: Optional[Sequence[int]] = None,
                   times: Optional[tuple] = None,
                   tracklets: Optional[Sequence[int]] = None) -> np.ndarray:
    """Images that are there and pass every filter, (N,) bool.

    The filters are those of :meth:`Gallery.search`. Images of no known camera
    pass ``exclude_camids`` but not ``camids``, those of no known time do not
    pass ``times``, those of no tracklet do not pass ``tracklets``.
    """
    mask = images.live.copy()
    if camids is not None:
        mask &= np.isin(images.meta['camid'], integers(camids, 'camids'))
        mask &= images.meta['camid'] >= 0
    if exclude_camids is not None:
        mask &= ~np.isin(images.meta['camid'], np.setdiff1d(
            integers(exclude_camids, 'exclude_camids'), [-1]))
    if times is not None:
        begin, end = checked_interval(times)
        mask &= (images.meta['time'] >= begin) & (images.meta['time'] < end)
    if tracklets is not None:
        mask &= np.isin(images.meta['tracklet'],
                        integers(tracklets, 'tracklets'))
        mask &= images.meta['tracklet'] >= 0
    return mask


def named_images(names: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Which of N names are wanted, (N,) bool, see :meth:`Gallery.find`."""
    if isinstance(wanted, str):
        raise ValueError(f'names must be a sequence of texts, got {wanted!r}')
    exact = set(wanted)
    folders = tuple(f'{name.rstrip("/")}/' for name in exact)
    patterns = re.compile('|'.join(
        fnmatch.translate(name) for name in exact
        if '*' in name or '?' in name) or r'(?!)')
    return np.array([
        name in exact or name.startswith(folders)
        or patterns.match(name) is not None for name in names], bool)


def checked_interval(times: tuple) -> tuple[float, float]:
    """Begin and end of ``times`` of :meth:`Gallery.search`, as numbers."""
    try:
        begin, end = times
        begin = -np.inf if begin is None else float(begin)
        end = np.inf if end is None else float(end)
    except (TypeError, ValueError):
        raise ValueError('times must be (begin, end), numbers or None, got '
                         f'{times!r}') from None
    if not begin < end:
        raise ValueError(f'times: the begin {begin} is not before the end '
                         f'{end}')
    return begin, end


def search_images(images: ImageTable,
                  get_index: Callable[[], Optional[GalleryIndex]],
                  queries: np.ndarray, k: int,
                  mask: np.ndarray) -> list[Neighbours]:
    """Find the k most similar images of every query.

    Whatever proposes them, images are compared by their embeddings. Where
    the index proposes fewer than there are, all that pass are compared.
    ``get_index`` gives the index, None for an exact search; it is called only
    where more than :data:`EXACT_LIMIT` images pass.
    """
    vectors, passing = images.vectors, int(mask.sum())
    index = get_index() if passing > EXACT_LIMIT else None
    if index is None:
        return exact_search(vectors, queries, k, mask)
    index.extend(vectors)
    k = min(k, passing)
    # Codes of 8 bits order neighbours almost right: the best k are among
    # somewhat more.
    proposed = index.propose(queries, min(2 * k + 32, passing),
                             None if passing == len(images) else mask)
    found = [nearest(vectors, query, line[line >= 0], k)
             for query, line in zip(queries, proposed)]
    short = [i for i, own in enumerate(found) if len(own.positions) < k]
    if short:
        for i, own in zip(short, exact_search(vectors, queries[short], k,
                                              mask)):
            found[i] = own
    return found


def num_candidates(rerank: Optional[dict], topk: int) -> int:
    """How many images to find for ``topk`` re-ranked ones, options checked."""
    if rerank is None:
        return topk
    if not isinstance(rerank, dict):
        raise ValueError(f'rerank must be a dict of options, {{}} for the '
                         f'defaults, got {rerank!r}')
    unknown = sorted(set(rerank) - {'candidates', *OPTIONS})
    if unknown:
        raise ValueError(f"rerank: {unknown} unknown, expected 'candidates', "
                         f'{", ".join(map(repr, OPTIONS))}')
    candidates = rerank.get('candidates', _CANDIDATES)
    check_count('rerank', 1, candidates=candidates)
    return max(topk, int(candidates))


def rerank_neighbours(query: np.ndarray, found: Neighbours, topk: int,
                      rerank: dict, camids: np.ndarray) -> Neighbours:
    """The ``topk`` best by k-reciprocal re-ranking, with their cosines.

    ``camids`` (N,) are the cameras of all images.
    """
    options = {name: rerank[name] for name in OPTIONS if name in rerank}
    order = reranked_order(query, found.vectors, camids[found.positions],
                           **options)[:topk]
    return Neighbours(*(column[order] for column in found))


def reranked_order(query: np.ndarray, candidates: np.ndarray,
                   camids: np.ndarray, *, k1: int = 20, k2: int = 6,
                   **options: Any) -> np.ndarray:
    """Order of candidates, see :mod:`~.functional.reranking`.

    Nothing but the query (D,) and its candidates (C, D), the most similar
    first, takes part, so that the cost does not depend on the size of the
    gallery. ``k1`` is at most C and ``k2`` at most C + 1. The query, and each
    candidate of no known camera, count as of a camera of their own.

    Returns:
        np.ndarray: (C,) indices of the candidates, best first.
    """
    num = len(candidates)
    everything = np.concatenate([query[None], candidates])
    if (everything @ everything.T).min(1).max() > 1 - 1e-6:
        return np.arange(num)  # all are alike, or there is none
    labels = np.zeros(num, np.int64)
    cameras = np.append(-1, camids).astype(np.int64)
    unknown = cameras < 0
    cameras[unknown] = cameras.max() + 1 + np.arange(unknown.sum())
    images = QueryGallery.from_arrays(
        torch.from_numpy(query[None]), torch.from_numpy(candidates),
        labels[:1], labels, cameras[:1], cameras[1:], cross_camera=False)
    (_, scores), = reranked_blocks(
        images, k1=min(k1, num), k2=min(k2, num + 1), **options)
    return np.lexsort((np.arange(num), -scores[0].numpy()))
