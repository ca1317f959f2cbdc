"""Retrieval scores by counting instead of sorting.

The rank of a match is the number of gallery images before it. For one block
of queries at a time, each gallery score is compared with the few scores of
the query's matches, so nothing of size queries x gallery is held and nothing
but the matches is sorted.

Rules, the same in every function here:

- The list of a query holds every gallery image, best score first. Equal
  scores keep the order of the gallery (a stable sort).
- Junk, i.e. gallery images with identity -1, is in no list.
- With ``cross_camera=True`` images with the query's identity *and* camera are
  not in its list. With ``cross_camera=False`` they stay and count as matches:
  the caller must then keep the query images out of the gallery.
- Images of other identities stay, whether or not a query shows them.
- A query without a match in its list is skipped, and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch

from .query_expansion import expand_queries
from .query_gallery import QueryGallery
from .rank_counting import RankCounter
from .reranking import reranked_blocks

# Keys of a summary that are no scores.
COUNTS = ('queries', 'queries_without_match')


@dataclass(frozen=True)
class RankingResult:
    """What :func:`rank` finds for each query.

    Attributes:
        ap (np.ndarray): (Nq,) average precision, i.e. the mean over the
            matches of the precision at the match, NaN without a match.
        inp (np.ndarray): (Nq,) number of matches divided by the (one-based)
            rank of the last match, NaN without a match.
        first_match_rank (np.ndarray): (Nq,) zero-based rank of the first
            match, -1 without a match.
    """

    ap: np.ndarray
    inp: np.ndarray
    first_match_rank: np.ndarray

    def summary(self, ranks: Sequence[int] = (1, 5, 10)) -> dict:
        """Means over the queries that have a match.

        Args:
            ranks (Sequence[int]): the k of the CMC values 'rank-k': share of
                queries with a match among the first k.

        Returns:
            dict: 'mAP', 'mINP', 'rank-k' as fractions 0..1, and the counts
            'queries' and 'queries_without_match'.
        """
        valid = self.first_match_rank >= 0
        first = self.first_match_rank[valid]
        return {
            'mAP': float(self.ap[valid].mean()),
            'mINP': float(self.inp[valid].mean()),
            **{f'rank-{k}': float((first < k).mean())
               for k in ranks},
            'queries': len(valid),
            'queries_without_match': len(valid) - len(first),
        }


def rank(images: QueryGallery,
         *,
         rerank: Optional[dict] = None,
         query_expansion: Optional[dict] = None) -> RankingResult:
    """CMC, average precision and mINP of every query, exactly.

    Products and counting run where the features lie: on the GPU, or on the
    CPU with ``torch.get_num_threads()`` threads. Beside the features, which
    are not copied, the memory is one block of scores.

    Sources: CMC and AP as in Zheng et al., "Scalable Person
    Re-identification: A Benchmark", ICCV 2015; mINP: Ye et al., "Deep
    Learning for Person Re-identification: A Survey and Outlook", TPAMI 2021.

    Args:
        images (QueryGallery): queries and gallery.
        rerank (dict, optional): k-reciprocal re-ranking with these options
            of :func:`~.reranking.reranked_blocks`; ``{}`` for its defaults.
            Defaults to None: none.
        query_expansion (dict, optional): first expand the queries, with these
            options of :func:`~.query_expansion.expand_queries`. Defaults to
            None: not.

    Raises:
        ValueError: no query has a match, or an option is out of range.

    Examples:
        >>> query = torch.tensor([[1., 0.]])
        >>> gallery = torch.tensor([[1., 0.], [1., .1], [1., .2], [0., 1.]])
        >>> images = QueryGallery.from_arrays(
        ...     query, gallery, [7], [7, 3, 7, 7], [0], [0, 1, 1, 1])
        >>> rank(images).ap
        array([0.58333333])
    """
    if query_expansion is not None:
        images = expand_queries(images, **query_expansion)
    blocks = (
        images.score_blocks()
        if rerank is None else reranked_blocks(images, **rerank))
    counted = RankCounter(images).run(blocks)
    if (counted.first < 0).all():
        raise ValueError(images.no_match_message())
    return RankingResult(counted.ap, counted.inp, counted.first)


def top_matches(images: QueryGallery,
                k: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first k images of each query's list, for pictures.

    Each block of scores is sorted: meant for a few queries, not for scoring.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: (Nq, k) positions in the
        gallery, -1 where a list is shorter; (Nq, k) cosines or minus
        Euclidean distances, NaN there; and (Nq, k) whether the image shows
        the query's identity.
    """
    indices = np.full((len(images.q_pids), k), -1, dtype=np.int64)
    values = np.full(indices.shape, np.nan, dtype=np.float64)
    for rows, scores in images.score_blocks():
        if images.cross_camera:
            excluded = torch.from_numpy(
                (images.q_pids[rows, None] == images.g_pids) &
                (images.q_camids[rows, None] == images.g_camids))
            scores = scores.masked_fill(
                excluded.to(scores.device), -torch.inf)
        best, order = scores.sort(dim=1, descending=True, stable=True)
        best = best[:, :k]
        listed = (best > -torch.inf).cpu().numpy()
        width = best.shape[1]
        indices[rows, :width] = np.where(
            listed, order[:, :k].cpu().numpy(), -1)
        values[rows, :width] = np.where(
            listed, images.similarities(best, rows).cpu().numpy(), np.nan)
    correct = (indices >= 0) & (
        images.g_pids[indices] == images.q_pids[:, None])
    return indices, values, correct
