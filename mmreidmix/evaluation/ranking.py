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

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

METRICS = ('cosine', 'euclidean')


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
         block: int = 256,
         name: str = '') -> RankingResult:
    """CMC, average precision and mINP of every query, exactly.

    The products run where the features lie (CPU or GPU), the counting on the
    CPU with ``torch.get_num_threads()`` threads. Beside the features the
    memory is ``block`` x Ng scores.

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
        block (int): queries per block.
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
    side = _prepare(query, gallery, q_pids, g_pids, q_camids, g_camids,
                    metric, cross_camera, block, name)
    by_pid = np.argsort(side.g_pids, kind='stable')
    sorted_pids = side.g_pids[by_pid]
    starts = np.searchsorted(sorted_pids, side.q_pids, 'left')
    stops = np.searchsorted(sorted_pids, side.q_pids, 'right')
    ap = np.full(len(side.q_pids), np.nan)
    inp = np.full(len(side.q_pids), np.nan)
    first = np.full(len(side.q_pids), -1, dtype=np.int64)

    def count(scores, begin, rows):
        part = slice(begin + rows.start, begin + rows.stop)
        _rank_block(scores[rows], side.q_pids[part], side.g_pids,
                    side.q_camids[part], side.g_camids, by_pid, starts[part],
                    stops[part], cross_camera, ap[part], inp[part],
                    first[part])

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        for begin, scores in side.score_blocks():
            step = -(-len(scores) // threads)
            parts = [
                slice(row, min(row + step, len(scores)))
                for row in range(0, len(scores), step)
            ]
            tasks = [pool.submit(count, scores, begin, p) for p in parts]
            for task in tasks:
                task.result()
    valid = int((first >= 0).sum())
    if not valid:
        raise ValueError(side.no_match_message())
    return RankingResult(ap, inp, first, len(first), valid)


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
                block: int = 256):
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
    side = _prepare(query, gallery, q_pids, g_pids, q_camids, g_camids,
                    metric, cross_camera, block, '')
    indices = np.full((len(side.q_pids), k), -1, dtype=np.int64)
    values = np.full(indices.shape, np.nan, dtype=np.float64)
    for begin, scores in side.score_blocks():
        rows = slice(begin, begin + len(scores))
        if cross_camera:
            scores[(side.q_pids[rows, None] == side.g_pids)
                   & (side.q_camids[rows, None] == side.g_camids)] = -np.inf
        best, order = torch.from_numpy(scores).sort(
            dim=1, descending=True, stable=True)
        best, order = best[:, :k].numpy(), order[:, :k].numpy()
        listed = best > -np.inf
        width = order.shape[1]
        indices[rows, :width] = np.where(listed, order, -1)
        values[rows, :width] = np.where(
            listed, side.readable(best, rows), np.nan)
    correct = (indices >= 0) & (
        side.g_pids[indices] == side.q_pids[:, None])
    return np.where(indices >= 0, side.kept[indices], -1), values, correct


@dataclass
class _Sides:
    """Checked query and gallery, junk removed."""

    query: Tensor
    gallery: Tensor
    q_pids: np.ndarray
    g_pids: np.ndarray
    q_camids: np.ndarray
    g_camids: np.ndarray
    kept: np.ndarray  # position of each remaining image in the given gallery
    metric: str
    cross_camera: bool
    block: int
    name: str

    @torch.inference_mode()
    def score_blocks(self):
        """Yield (first query, scores (<= block, Ng)); higher is better."""
        squares = self.gallery.square().sum(1)
        for begin in range(0, len(self.query), self.block):
            rows = self.query[begin:begin + self.block]
            # Ranks need the full precision whatever the caller trains with.
            with torch.autocast(rows.device.type, enabled=False):
                scores = rows @ self.gallery.T
            if self.metric == 'euclidean':
                # The query's own square would not change the order.
                scores.mul_(2).sub_(squares)
            yield begin, scores.cpu().numpy()

    def readable(self, scores: np.ndarray, rows: slice) -> np.ndarray:
        """Turn scores into cosines or minus distances."""
        if self.metric == 'cosine':
            return scores
        own = self.query[rows].square().sum(1, keepdim=True).cpu().numpy()
        return -np.sqrt(np.maximum(own - scores, 0))

    def no_match_message(self) -> str:
        domain = f'domain {self.name}' if self.name else 'the domain'
        shared = np.isin(self.q_pids, self.g_pids).any()
        if not shared:
            return (f'no query has a match: in {domain} query and gallery '
                    'share no identity; check the split')
        cameras = np.union1d(self.q_camids, self.g_camids).tolist()
        return (f'no query has a match in another camera: {domain} has '
                f'cameras {cameras}; use cross_camera=False to count '
                'same-camera matches')


def _prepare(query, gallery, q_pids, g_pids, q_camids, g_camids, metric,
             cross_camera, block, name) -> _Sides:
    if metric not in METRICS:
        raise ValueError(f'metric must be one of {METRICS}, got {metric!r}')
    if block < 1:
        raise ValueError(f'block must be at least 1, got {block}')
    query = _features(query, 'query', metric)
    gallery = _features(gallery, 'gallery', metric)
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f'query features have {query.shape[1]} values, gallery features '
            f'{gallery.shape[1]}: they must come from the same model')
    q_pids = _integers(q_pids, len(query), 'q_pids')
    g_pids = _integers(g_pids, len(gallery), 'g_pids')
    q_camids = _integers(q_camids, len(query), 'q_camids')
    g_camids = _integers(g_camids, len(gallery), 'g_camids')
    _require_known(q_pids, 'q_pids', 'identity')
    if cross_camera:
        _require_known(q_camids, 'q_camids', 'camera')
        _require_known(g_camids[g_pids >= 0], 'g_camids', 'camera')
    kept = np.flatnonzero(g_pids >= 0)
    if not len(kept):
        raise ValueError('the gallery holds nothing but junk (identity -1)')
    if len(kept) < len(g_pids):
        gallery = gallery[torch.from_numpy(kept).to(gallery.device)]
    return _Sides(query, gallery, q_pids, g_pids[kept], q_camids,
                  g_camids[kept], kept, metric, cross_camera, block, name)


@torch.inference_mode()
def _features(features, name: str, metric: str) -> Tensor:
    features = torch.as_tensor(features).detach()
    if features.ndim != 2 or not features.numel():
        raise ValueError(f'{name} features must have shape (N, D) with N and '
                         f'D above 0, got {tuple(features.shape)}')
    if features.dtype != torch.float64:
        features = features.float()
    norms = features.norm(dim=1)
    _require_none(~norms.isfinite(), f'{name} features are NaN or infinite')
    if metric == 'euclidean':
        return features
    _require_none(norms == 0, f'{name} features are zero: no cosine')
    return normalize(features, dim=1)


def _require_none(bad: Tensor, what: str):
    indices = bad.nonzero().flatten().tolist()
    if indices:
        more = ', ...' if len(indices) > 5 else ''
        first = ', '.join(map(str, indices[:5]))
        raise ValueError(
            f'{what} in {len(indices)} of {len(bad)} rows: {first}{more}')


def _integers(values, length: int, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.shape != (length, ) or values.dtype.kind not in 'iu':
        raise ValueError(f'{name} must be {length} integers, one per feature '
                         f'row, got {values.dtype} {values.shape}')
    return values.astype(np.int64)


def _require_known(values: np.ndarray, name: str, what: str):
    unknown = np.flatnonzero(values < 0)
    if len(unknown):
        raise ValueError(f'{name}: {len(unknown)} images without {what} '
                         f'(negative), the first at {unknown[:5].tolist()}')


@numba.njit(nogil=True, cache=True)
def _rank_block(scores, q_pids, g_pids, q_camids, g_camids, by_pid, starts,
                stops, cross_camera, ap, inp, first):
    for row in range(len(scores)):
        row_scores = scores[row]
        members = by_pid[starts[row]:stops[row]]
        if cross_camera:
            members = members[g_camids[members] != q_camids[row]]
        size = len(members)
        if size == 0:
            continue
        # Members are in gallery order, so a stable sort breaks ties by index.
        members = members[np.argsort(-row_scores[members], kind='mergesort')]
        before = _count_before(row_scores, members, g_pids, q_pids[row])
        total = 0.0
        passed = 0
        for i in range(size):
            passed += before[i]
            total += (i + 1) / (passed + i + 1)
        first[row] = before[0]
        ap[row] = total / size
        inp[row] = size / (passed + size)


@numba.njit(nogil=True, cache=True)
def _count_before(scores, members, g_pids, pid):
    # Of the images with another identity, how many come first before match i
    # of the sorted matches, i.e. after match i - 1.
    size = len(members)
    levels = scores[members]
    counts = np.zeros(size, dtype=np.int64)
    last = levels[size - 1]
    for j in range(len(scores)):
        score = scores[j]
        if score < last or g_pids[j] == pid:
            continue
        low, high = 0, size
        while low < high:
            middle = (low + high) // 2
            level = levels[middle]
            if score > level or (score == level and j < members[middle]):
                high = middle
            else:
                low = middle + 1
        if low < size:
            counts[low] += 1
    return counts
