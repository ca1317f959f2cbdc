"""Steps of a search: filter, find images or tracklets, re-rank."""

from collections.abc import Callable
from typing import Optional

import numpy as np
import torch

from mmreidmix.evaluation.functional.query_gallery import checked_sides
from mmreidmix.evaluation.functional.reranking import OPTIONS, reranked_blocks

from .checks import integer, integers
from .flat_search import Found, best_of, exact_search, merged
from .index import GalleryIndex
from .memory_table import Rows
from .tracklets import TrackletMeans

#: Up to so many images are compared without an index: it takes milliseconds.
FEW = 20_000
_CANDIDATES = 100

GetIndex = Callable[[], Optional[GalleryIndex]]


def passing_rows(rows: Rows, camids=None, exclude_camids=None,
                 times=None) -> np.ndarray:
    """Images that are there and pass every filter.

    Args:
        rows (Rows): N images.
        camids (Sequence[int], optional): only images of these cameras; none
            whose camera is not known.
        exclude_camids (Sequence[int], optional): no images of these cameras;
            those whose camera is not known pass.
        times (tuple, optional): (begin, end) with begin <= time < end; None
            for an open end. Images whose time is not known do not pass.

    Returns:
        np.ndarray: (N,) bool.

    Raises:
        ValueError: a filter is not of this form.
    """
    mask = rows.live.copy()
    if camids is not None:
        mask &= np.isin(rows.meta['camid'], integers(camids, 'camids'))
        mask &= rows.meta['camid'] >= 0
    if exclude_camids is not None:
        mask &= ~np.isin(rows.meta['camid'], np.setdiff1d(
            integers(exclude_camids, 'exclude_camids'), [-1]))
    if times is not None:
        begin, end = _interval(times)
        mask &= (rows.meta['time'] >= begin) & (rows.meta['time'] < end)
    return mask


def _interval(times):
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


def search_images(rows: Rows, get_index: GetIndex, queries: np.ndarray, k: int,
                  mask: np.ndarray) -> list[Found]:
    """The k most similar images of every query.

    Whatever proposes them, images are compared by their embeddings. Where
    the index proposes fewer than there are, all that pass are compared.

    Args:
        rows (Rows): N images.
        get_index (GetIndex): gives the index, None for an exact search. It
            is called only where more than :data:`FEW` images pass.
        queries (np.ndarray): (Q, D) float32 of length 1.
        k (int): fewer are found where fewer pass.
        mask (np.ndarray): (N,) bool, images that pass.
    """
    vectors, passing = rows.vectors, int(mask.sum())
    index = get_index() if passing > FEW else None
    if index is None:
        return exact_search(vectors, queries, k, mask)
    index.extend(vectors)
    k = min(k, passing)
    # Codes of 8 bits order neighbours almost right: the best k are among
    # somewhat more.
    proposed = index.propose(queries, min(2 * k + 32, passing),
                             None if passing == len(rows) else mask)
    found = [best_of(vectors, query, line[line >= 0], k)
             for query, line in zip(queries, proposed)]
    short = [i for i, own in enumerate(found) if len(own.positions) < k]
    if short:
        for i, own in zip(short, exact_search(vectors, queries[short], k,
                                              mask)):
            found[i] = own
    return found


def search_tracklets(rows: Rows, get_index: GetIndex, queries: np.ndarray,
                     k: int, mask: np.ndarray,
                     means: TrackletMeans) -> list[Found]:
    """The k most similar tracklets; images without one are one each.

    Args:
        rows (Rows): N images.
        get_index (GetIndex): see :func:`search_images`.
        queries (np.ndarray): (Q, D) float32 of length 1.
        k (int): fewer are found where fewer pass.
        mask (np.ndarray): (N,) bool, images that pass.
        means (TrackletMeans): of the rows.
    """
    single = search_images(rows, get_index, queries, k,
                           mask & (rows.meta['tracklet'] < 0))
    pooled = means.search(queries, k, mask)
    return [merged(a, b, k) for a, b in zip(single, pooled)]


def num_candidates(rerank: Optional[dict], topk: int) -> int:
    """How many candidates the search has to find.

    Args:
        rerank (dict, optional): see :meth:`Gallery.search`.
        topk (int): how many are wanted in the end.

    Raises:
        ValueError: no dict, an unknown option, or candidates below 1.
    """
    if rerank is None:
        return topk
    if not isinstance(rerank, dict):
        raise ValueError(f'rerank must be a dict of options, {{}} for the '
                         f'defaults, got {rerank!r}')
    unknown = sorted(set(rerank) - {'candidates', *OPTIONS})
    if unknown:
        raise ValueError(f"rerank: {unknown} unknown, expected 'candidates', "
                         f'{", ".join(map(repr, OPTIONS))}')
    return max(topk, integer(rerank.get('candidates', _CANDIDATES),
                             'rerank: candidates'))


def reranked_order(query: np.ndarray, candidates: np.ndarray, *,
                   k1: int = 20, k2: int = 6,
                   lambda_value: float = 0.3) -> np.ndarray:
    """Order of candidates, see :mod:`~.functional.reranking`.

    Nothing but the query and its candidates takes part, so that the cost
    does not depend on the size of the gallery.

    Args:
        query (np.ndarray): (D,) float32 of length 1.
        candidates (np.ndarray): (C, D), the most similar first.
        k1 (int): as there; at most C.
        k2 (int): as there; at most C + 1.
        lambda_value (float): as there.

    Returns:
        np.ndarray: (C,) indices of the candidates, best first.
    """
    num = len(candidates)
    everything = np.concatenate([query[None], candidates])
    if (everything @ everything.T).min(1).max() > 1 - 1e-6:
        return np.arange(num)  # all are alike, or there is none
    labels = np.zeros(num, np.int64)
    sides = checked_sides(
        torch.from_numpy(query[None]), torch.from_numpy(candidates),
        labels[:1], labels, labels[:1], labels, cross_camera=False)
    (_, scores), = reranked_blocks(
        sides, k1=min(k1, num), k2=min(k2, num + 1),
        lambda_value=lambda_value)
    return np.lexsort((np.arange(num), -scores[0].numpy()))
