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

    def run(self, blocks: Iterable[tuple[int, Tensor]]) -> 'RankCounter':
        """Count all blocks, on the device that they lie on.

        Args:
            blocks (Iterable[tuple]): first query and scores of a block, as of
                :meth:`QueryGallery.score_blocks`; the scores are overwritten.
        """
        for begin, scores in blocks:
            if scores.is_cuda:
                self.count_by_torch(begin, scores)
            else:
                self._count_compiled(begin, scores)
        return self

    def _count_compiled(self, begin: int, scores: Tensor) -> None:
        size = len(scores)
        part = slice(begin, begin + size)
        for _ in over_rows(
                _count_rows, size, scores.numpy(), self.images.q_camids[part],
                self.images.g_camids, self.by_pid, self.starts[part],
                self.stops[part], self.images.cross_camera, self.ap[part],
                self.inp[part], self.first[part],
                chunk=-(-size // torch.get_num_threads())):
            pass

    @torch.inference_mode()
    def count_by_torch(self, begin: int, scores: Tensor) -> None:
        """Count a block on its device."""
        part = slice(begin, begin + len(scores))
        pairs = self._same_identity(part)
        excluded = self.images.cross_camera & (
            self.images.g_camids[pairs[1]] ==
            self.images.q_camids[part][pairs[0]])
        rows, columns, left_out = (
            torch.from_numpy(array).to(scores.device)
            for array in (*pairs, excluded))
        values = scores[rows, columns].masked_fill_(left_out, -torch.inf)
        levels, positions = _best_matches(rows, columns, values, len(scores))
        scores[rows, columns] = -torch.inf
        passed = _passed_by_torch(scores, levels, positions).cpu().numpy()
        sizes = (levels > -torch.inf).sum(1).cpu().numpy()
        numbers = np.arange(1, levels.shape[1] + 1)
        precision = np.where(numbers <= sizes[:, None],
                             numbers / (passed + numbers), 0)
        matched = np.flatnonzero(sizes)
        size = sizes[matched]
        self.first[begin + matched] = passed[matched, 0]
        self.ap[begin + matched] = precision[matched].sum(1) / size
        self.inp[begin + matched] = size / (passed[matched, size - 1] + size)

    def _same_identity(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """Row in the block and column of all images of a query's identity."""
        starts, stops = self.starts[part], self.stops[part]
        sizes = stops - starts
        rows = np.repeat(np.arange(len(sizes)), sizes)
        inside = np.arange(len(rows)) - np.repeat(
            np.cumsum(sizes) - sizes, sizes)
        return rows, self.by_pid[np.repeat(starts, sizes) + inside]


def _best_matches(rows: Tensor, columns: Tensor, values: Tensor,
                  num: int) -> tuple[Tensor, Tensor]:
    """Scores and positions of the matches of each of ``num`` queries.

    The best match is first, equal scores are by rising position. Rows are
    filled up with -inf and 0.
    """
    # Columns of one row come in rising order, and stable sorts keep that.
    order = values.argsort(descending=True, stable=True)
    order = order[rows[order].argsort(stable=True)]
    sizes = torch.bincount(rows, minlength=num)
    place = torch.arange(len(rows), device=rows.device)
    place -= (sizes.cumsum(0) - sizes)[rows]
    width = max(int(sizes.max()), 1)
    levels = values.new_full((num, width), -torch.inf)
    positions = columns.new_zeros((num, width))
    levels[rows, place] = values[order]
    positions[rows, place] = columns[order]
    return levels, positions


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
