"""Ranks of the matches by counting instead of sorting.

The rank of a match is the number of gallery images before it. Each score of
a query is compared with the few scores of the query's matches; nothing but
these is sorted.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from mmreidmix.neighbours.numba_kernels import compiled

from .query_gallery import Sides

# With more matches a binary search among them is cheaper than one pass over
# the scores for each.
_FEW = 64
_TIES = 1 << 16


class Counter:
    """Turns blocks of scores into what each query's list is worth.

    Attributes:
        ap (np.ndarray): average precision, shape (Nq,), NaN without a match.
        inp (np.ndarray): inverse negative penalty, shape (Nq,), likewise.
        first (np.ndarray): zero-based rank of the first match, shape (Nq,),
            -1 without a match.

    Args:
        sides (Sides): the images.
    """

    def __init__(self, sides: Sides):
        self.sides = sides
        self.by_pid = np.argsort(sides.g_pids, kind='stable')
        pids = sides.g_pids[self.by_pid]
        self.starts = np.searchsorted(pids, sides.q_pids, 'left')
        self.stops = np.searchsorted(pids, sides.q_pids, 'right')
        num = len(sides.q_pids)
        self.ap, self.inp = np.full((2, num), np.nan)
        self.first = np.full(num, -1, dtype=np.int64)

    def run(self, blocks) -> 'Counter':
        """Count all blocks, where they lie.

        Args:
            blocks (Iterable[tuple]): first query and scores of a block, as of
                :meth:`Sides.score_blocks`; the scores are overwritten.
        """
        threads = torch.get_num_threads()
        with ThreadPoolExecutor(threads) as pool:
            for begin, scores in blocks:
                if scores.is_cuda:
                    self.count_by_torch(begin, scores)
                    continue
                tasks = [
                    pool.submit(self.count_compiled, begin, scores, rows)
                    for rows in np.array_split(
                        np.arange(len(scores)), threads) if len(rows)
                ]
                for task in tasks:
                    task.result()
        return self

    def count_compiled(self, begin: int, scores: Tensor, rows: np.ndarray):
        """Count some rows of a block on the CPU, by one thread."""
        part = slice(begin + rows[0], begin + rows[-1] + 1)
        _count_rows(scores.numpy()[rows[0]:rows[-1] + 1],
                    self.sides.q_camids[part], self.sides.g_camids,
                    self.by_pid, self.starts[part], self.stops[part],
                    self.sides.cross_camera, self.ap[part], self.inp[part],
                    self.first[part])

    @torch.inference_mode()
    def count_by_torch(self, begin: int, scores: Tensor):
        """Count a block on its device; the scores are not copied from it."""
        part = slice(begin, begin + len(scores))
        rows, columns = self._same_identity(part)
        excluded = self.sides.cross_camera & (
            self.sides.g_camids[columns] == self.sides.q_camids[part][rows])
        rows, columns, excluded = (
            torch.from_numpy(a).to(scores.device)
            for a in (rows, columns, excluded))
        values = scores[rows, columns].masked_fill_(excluded, -torch.inf)
        levels, positions = _padded(rows, columns, values, len(scores))
        scores[rows, columns] = -torch.inf
        passed = _passed_by_torch(scores, levels, positions).cpu().numpy()
        sizes = (levels > -torch.inf).sum(1).cpu().numpy()
        numbers = np.arange(1, levels.shape[1] + 1)
        precision = np.where(numbers <= sizes[:, None],
                             numbers / (passed + numbers), 0)
        for row in np.flatnonzero(sizes):
            size, last = sizes[row], passed[row, sizes[row] - 1]
            self.first[begin + row] = passed[row, 0]
            self.ap[begin + row] = precision[row].sum() / size
            self.inp[begin + row] = size / (last + size)

    def _same_identity(self, part: slice):
        """Row in the block and column of all images of a query's identity."""
        starts, stops = self.starts[part], self.stops[part]
        sizes = stops - starts
        rows = np.repeat(np.arange(len(sizes)), sizes)
        inside = np.arange(len(rows)) - np.repeat(
            np.cumsum(sizes) - sizes, sizes)
        return rows, self.by_pid[np.repeat(starts, sizes) + inside]


def _padded(rows: Tensor, columns: Tensor, values: Tensor, num: int):
    """Levels and positions of the matches, one row each, best first.

    -inf and 0 where a row is shorter; equal levels by rising position.
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


def _passed_by_torch(scores: Tensor, levels: Tensor, positions: Tensor):
    """How many scores come before each level, shape (rows, levels)."""
    width = levels.shape[1]
    rising = levels.flip(1).contiguous()
    # Number of levels below a score, i.e. which it comes before.
    below = torch.searchsorted(rising, scores.contiguous())
    counts = scores.new_zeros((len(scores), width + 1), dtype=torch.int64)
    counts.scatter_add_(1, below, torch.ones_like(below))
    passed = counts.flip(1).cumsum(1)[:, :width]
    same = rising.gather(1, below.clamp_(max=width - 1)) == scores
    same &= scores > -torch.inf
    for part in same.nonzero().split(_TIES):
        rows, columns = part.T
        before = (levels[rows] == scores[rows, columns][:, None]) & (
            positions[rows] > columns[:, None])
        passed.index_add_(0, rows, before.long())
    return passed


@compiled
def _count_rows(scores, q_camids, g_camids, by_pid, starts, stops,
                cross_camera, ap, inp, first):
    for row in range(len(scores)):
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
        if size <= _FEW:
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
def _passed_one_by_one(line, levels, matches):
    passed = np.empty(len(levels), np.int64)
    for i in range(len(levels)):
        passed[i] = (_at_least(line[:matches[i]], levels[i]) +
                     _above(line[matches[i]:], levels[i]))
    return passed


@compiled
def _at_least(values, level):
    # Loops over indices become vector instructions, those over values do not.
    count = 0
    for j in range(values.size):
        count += values[j] >= level
    return count


@compiled
def _above(values, level):
    count = 0
    for j in range(values.size):
        count += values[j] > level
    return count


@compiled
def _passed_by_search(line, levels, matches):
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
