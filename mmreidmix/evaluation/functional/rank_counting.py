"""Ranks of the matches by counting instead of sorting.

The rank of a match is the number of gallery images before it. Each score of
a query is compared with the few scores of the query's matches; nothing but
these is sorted.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from mmreidmix.neighbours.numba_kernels import compiled, over_rows

from .query_gallery import QueryGallery

# With more matches a binary search among them is cheaper than one pass over
# the scores for each.
_MOST_PASSES = 64
# Equal scores that are compared at once.
_TIES_AT_ONCE = 1 << 16


class RankCounter:
    """Average precision, mINP and first match of each query, from scores.

    Attributes:
        ap (np.ndarray): (Nq,) average precision, NaN without a match.
        inp (np.ndarray): (Nq,) inverse negative penalty, likewise.
        first (np.ndarray): (Nq,) zero-based rank of the first match, -1
            without one.

    Args:
        images (QueryGallery): whose scores are counted.
    """

    def __init__(self, images: QueryGallery):
        self.images = images
        self.by_pid, self.starts, self.stops = images.same_identity()
        num = len(images.q_pids)
        self.ap, self.inp = np.full((2, num), np.nan)
        self.first = np.full(num, -1, dtype=np.int64)

    def run(self, blocks: Iterable[tuple[slice, Tensor]]) -> 'RankCounter':
        """Count all blocks, on the device that they lie on.

        Args:
            blocks (Iterable[tuple]): queries and scores of each block, as of
                :meth:`QueryGallery.score_blocks`; the scores are overwritten.
        """
        for rows, scores in blocks:
            if scores.is_cuda:
                self.count_by_torch(rows, scores)
            else:
                self._count_compiled(rows, scores)
        return self

    def _count_compiled(self, rows: slice, scores: Tensor) -> None:
        for _ in over_rows(
                _count_rows, len(scores), scores.numpy(),
                self.images.q_camids[rows], self.images.g_camids, self.by_pid,
                self.starts[rows], self.stops[rows], self.images.cross_camera,
                self.ap[rows], self.inp[rows], self.first[rows],
                chunk=-(-len(scores) // torch.get_num_threads())):
            pass

    @torch.inference_mode()
    def count_by_torch(self, rows: slice, scores: Tensor) -> None:
        """Count a block on its device."""
        columns, own = self._same_identity(rows)
        matches = own
        if self.images.cross_camera:
            matches = own & (self.images.g_camids[columns] !=
                             self.images.q_camids[rows, None])
        places = torch.from_numpy(columns).to(scores.device)
        values = scores.gather(1, places).masked_fill_(
            torch.from_numpy(~matches).to(scores.device), -torch.inf)
        # Columns of one row come in rising order, and a stable sort keeps it.
        levels, order = values.sort(dim=1, descending=True, stable=True)
        positions = places.gather(1, order)
        row, place = np.nonzero(own)
        scores[torch.from_numpy(row).to(scores.device),
               torch.from_numpy(columns[row, place]).to(scores.device)
               ] = -torch.inf
        passed = _passed_by_torch(scores, levels, positions).cpu().numpy()
        numbers = np.arange(1, passed.shape[1] + 1)
        size = matches.sum(1)
        precision = np.where(numbers <= size[:, None],
                             numbers / (passed + numbers), 0)
        matched = np.flatnonzero(size)
        size = size[matched]
        self.first[rows][matched] = passed[matched, 0]
        self.ap[rows][matched] = precision[matched].sum(1) / size
        self.inp[rows][matched] = size / (passed[matched, size - 1] + size)

    def _same_identity(self, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Gallery images of each query's identity, and which are not filling.

        Both are (queries, most images of one of them).
        """
        sizes = self.stops[rows] - self.starts[rows]
        place = np.arange(max(sizes.max(), 1))
        index = self.starts[rows, None] + place
        return (self.by_pid[np.minimum(index, len(self.by_pid) - 1)],
                place < sizes[:, None])


def _passed_by_torch(scores: Tensor, levels: Tensor,
                     positions: Tensor) -> Tensor:
    """How many scores come before each level, (rows, levels)."""
    width = levels.shape[1]
    rising = levels.flip(1).contiguous()
    # Number of levels below a score, i.e. which it comes before.
    below = torch.searchsorted(rising, scores.contiguous())
    counts = scores.new_zeros((len(scores), width + 1), dtype=torch.int64)
    counts.scatter_add_(1, below, torch.ones_like(below))
    passed = counts.flip(1).cumsum(1)[:, :width]
    same = rising.gather(1, below.clamp_(max=width - 1)) == scores
    same &= scores > -torch.inf
    for part in same.nonzero().split(_TIES_AT_ONCE):
        rows, columns = part.T
        before = (levels[rows] == scores[rows, columns][:, None]) & (
            positions[rows] > columns[:, None])
        passed.index_add_(0, rows, before.long())
    return passed


@compiled
def _count_rows(scores: np.ndarray, q_camids: np.ndarray,
                g_camids: np.ndarray, by_pid: np.ndarray, starts: np.ndarray,
                stops: np.ndarray, cross_camera: bool, ap: np.ndarray,
                inp: np.ndarray, first: np.ndarray, begin: int,
                end: int) -> None:
    for row in range(begin, end):
        own = by_pid[starts[row]:stops[row]]
        matches = own
        if cross_camera:
            matches = own[g_camids[own] != q_camids[row]]
        size = len(matches)
        if size == 0:
            continue
        line = scores[row]
        # They are in gallery order, so a stable sort breaks ties by index.
        matches = matches[np.argsort(-line[matches], kind='mergesort')]
        levels = line[matches]
        line[own] = -np.inf
        if size <= _MOST_PASSES:
            passed = _passed_one_by_one(line, levels, matches)
        else:
            passed = _passed_by_search(line, levels, matches)
        total = 0.0
        for i in range(size):
            total += (i + 1) / (passed[i] + i + 1)
        first[row] = passed[0]
        ap[row] = total / size
        inp[row] = size / (passed[size - 1] + size)


@compiled
def _passed_one_by_one(line: np.ndarray, levels: np.ndarray,
                       matches: np.ndarray) -> np.ndarray:
    passed = np.empty(len(levels), np.int64)
    for i in range(len(levels)):
        passed[i] = (_at_least(line[:matches[i]], levels[i]) +
                     _above(line[matches[i]:], levels[i]))
    return passed


@compiled
def _at_least(values: np.ndarray, level: float) -> int:
    # Loops over indices become vector instructions, those over values do not.
    count = 0
    for j in range(values.size):
        count += values[j] >= level
    return count


@compiled
def _above(values: np.ndarray, level: float) -> int:
    count = 0
    for j in range(values.size):
        count += values[j] > level
    return count


@compiled
def _passed_by_search(line: np.ndarray, levels: np.ndarray,
                      matches: np.ndarray) -> np.ndarray:
    size = len(levels)
    passed = np.zeros(size, np.int64)
    last = levels[size - 1]
    for j in range(len(line)):
        score = line[j]
        if score < last:
            continue
        low, high = 0, size
        while low < high:
            middle = (low + high) // 2
            level = levels[middle]
            if score > level or (score == level and j < matches[middle]):
                high = middle
            else:
                low = middle + 1
        if low < size:
            passed[low] += 1
    return np.cumsum(passed)
