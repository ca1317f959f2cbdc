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

from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch

from .query_expansion import expanded
from .query_gallery import checked_sides
from .rank_counting import Counter
from .reranking import reranked_blocks

# Keys of a summary that are no scores.
COUNTS = ('queries', 'queries_without_match')


@dataclass(frozen=True)
class RankingResult:
    """What :func:`rank` finds for each query.

    Attributes:
        ap (np.ndarray): average precision, i.e. the mean over the matches of
            the precision at the match, shape (Nq,), NaN without a match.
        inp (np.ndarray): number of matches divided by the (one-based) rank of
            the last match, shape (Nq,), NaN without a match.
        first_match_rank (np.ndarray): zero-based rank of the first match,
            shape (Nq,), -1 without a match.
        num_queries (int): Nq.
        num_valid (int): queries that have a match.
    """

    ap: np.ndarray
    inp: np.ndarray
    first_match_rank: np.ndarray
    num_queries: int
    num_valid: int

    def summary(self, ranks=(1, 5, 10)) -> dict:
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
            'queries': self.num_queries,
            'queries_without_match': self.num_queries - self.num_valid,
        }


def rank(query,
         gallery,
         q_pids,
         g_pids,
         q_camids,
         g_camids,
         *,
         cross_camera: bool = True,
         metric: str = 'cosine',
         block: Optional[int] = None,
         rerank: Optional[dict] = None,
         query_expansion: Optional[dict] = None,
         name: str = '') -> RankingResult:
    """CMC, average precision and mINP of every query, exactly.

    Products and counting run where the features lie: on the GPU, or on the
    CPU with ``torch.get_num_threads()`` threads. Beside the features, which
    are not copied, the memory is ``block`` x Ng scores.

    Sources: CMC and AP as in Zheng et al., "Scalable Person
    Re-identification: A Benchmark", ICCV 2015; mINP: Ye et al., "Deep
    Learning for Person Re-identification: A Survey and Outlook", TPAMI 2021.

    Args:
        query (Tensor): features of the queries, shape (Nq, D).
        gallery (Tensor): features of the gallery, shape (Ng, D).
        q_pids (Sequence[int]): identities of the queries, shape (Nq,), >= 0.
        g_pids (Sequence[int]): identities of the gallery, shape (Ng,);
            -1 marks junk.
        q_camids (Sequence[int]): cameras of the queries, shape (Nq,).
        g_camids (Sequence[int]): cameras of the gallery, shape (Ng,).
        cross_camera (bool): leave the query's identity in the query's camera
            out. Defaults to True.
        metric (str): 'cosine' or 'euclidean' (on the features as given).
        block (int, optional): queries per block. Defaults to at most 512
            and, down to 32, 128 MiB of scores.
        rerank (dict, optional): k-reciprocal re-ranking with these options
            of :func:`~.reranking.reranked_blocks`: ``k1``, ``k2`` and
            ``lambda_value``; ``{}`` for its defaults. Junk takes no part.
            Defaults to None: none.
        query_expansion (dict, optional): first expand the queries, with these
            options of :func:`~.query_expansion.expanded`. Defaults to None.
        name (str): name of the domain, for error messages.

    Returns:
        RankingResult: the values per query.

    Raises:
        ValueError: shapes that do not agree, features that are NaN, infinite
            or (cosine) zero, unknown identities or cameras, or no query with
            a match.

    Examples:
        >>> query = torch.tensor([[1., 0.]])
        >>> gallery = torch.tensor([[1., 0.], [1., .1], [1., .2], [0., 1.]])
        >>> rank(query, gallery, [7], [7, 3, 7, 7], [0], [0, 1, 1, 1]).ap
        array([0.58333333])
    """
    sides = checked_sides(
        query, gallery, q_pids, g_pids, q_camids, g_camids, metric=metric,
        cross_camera=cross_camera, block=block, name=name)
    if query_expansion is not None:
        sides = expanded(sides, **query_expansion)
    blocks = (
        sides.score_blocks()
        if rerank is None else reranked_blocks(sides, **rerank))
    found = Counter(sides).run(blocks)
    valid = int((found.first >= 0).sum())
    if not valid:
        raise ValueError(sides.no_match_message())
    return RankingResult(found.ap, found.inp, found.first, len(found.first),
                         valid)


def top_matches(query,
                gallery,
                q_pids,
                g_pids,
                q_camids,
                g_camids,
                k: int = 10,
                *,
                cross_camera: bool = True,
                metric: str = 'cosine',
                block: Optional[int] = None):
    """The first k images of each query's list, for pictures.

    Each block of scores is sorted: meant for some queries, not for scoring.
    Arguments and errors are those of :func:`rank`, except that queries
    without a match are allowed.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: positions in the gallery
        (Nq, k), -1 where a list is shorter; the scores (Nq, k), cosine or
        minus the Euclidean distance, NaN there; and which of them show the
        query's identity (Nq, k).
    """
    sides = checked_sides(
        query, gallery, q_pids, g_pids, q_camids, g_camids, metric=metric,
        cross_camera=cross_camera, block=block)
    indices = np.full((len(sides.q_pids), k), -1, dtype=np.int64)
    values = np.full(indices.shape, np.nan, dtype=np.float64)
    for begin, scores in sides.score_blocks():
        rows = slice(begin, begin + len(scores))
        if cross_camera:
            excluded = torch.from_numpy(
                (sides.q_pids[rows, None] == sides.g_pids) &
                (sides.q_camids[rows, None] == sides.g_camids))
            scores = scores.masked_fill(
                excluded.to(scores.device), -torch.inf)
        best, order = scores.sort(dim=1, descending=True, stable=True)
        best, order = best[:, :k], order[:, :k].cpu().numpy()
        listed = (best > -torch.inf).cpu().numpy()
        width = order.shape[1]
        indices[rows, :width] = np.where(listed, order, -1)
        values[rows, :width] = np.where(
            listed, sides.readable(best, rows).cpu().numpy(), np.nan)
    correct = (indices >= 0) & (
        sides.g_pids[indices] == sides.q_pids[:, None])
    return indices, values, correct
