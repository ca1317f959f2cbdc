"""Same person or not: error rates over pairs of images, without the pairs.

A pair is one query and one gallery image, seen by different cameras. It is
genuine if both show the same person, else it is an impostor pair. The cosine
decides: a pair is accepted if it is at least the threshold.

Thresholds are multiples of ``STEP`` = 2^-19, about the rounding error of a
cosine in float32. At these thresholds every rate here is exact: pairs are
counted into histograms with one bin between two thresholds, so memory does
not depend on the number of pairs. AUC and EER are those of the cosines
rounded down to a multiple of ``STEP``.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch

from mmreidmix.neighbours.numba_kernels import compiled

from .query_gallery import checked_sides

HALF = 1 << 19
STEP = 1 / HALF
BINS = 2 * HALF + 1  # the last one holds the cosine 1 alone


@dataclass(frozen=True)
class PairHistogram:
    """Cosines of all genuine and all impostor pairs of one domain.

    Attributes:
        genuine (np.ndarray): pairs whose cosine is in [threshold, threshold +
            ``STEP``), by threshold from -1 to 1, shape (``BINS``,), int64.
        impostor (np.ndarray): the same of the impostor pairs.
        junk (int): gallery images that were left out (identity -1).
        same_camera (int): pairs that were left out.
    """

    genuine: np.ndarray
    impostor: np.ndarray
    junk: int = 0
    same_camera: int = 0

    @property
    def genuine_pairs(self) -> int:
        """Number of genuine pairs."""
        return int(self.genuine.sum())

    @property
    def impostor_pairs(self) -> int:
        """Number of impostor pairs."""
        return int(self.impostor.sum())

    def rates(self):
        """The whole ROC, from (0, 0) to (1, 1).

        Returns:
            tuple[np.ndarray, np.ndarray, np.ndarray]: shares of accepted
            impostor (FPR) and genuine pairs (TPR), and the thresholds, which
            descend. Thresholds that change neither rate are left out. The
            first one is above all cosines.
        """
        used = np.flatnonzero(self.genuine + self.impostor)[::-1]
        fpr, tpr = (
            np.concatenate([[0], np.cumsum(counts[used])]) / counts.sum()
            for counts in (self.impostor, self.genuine))
        thresholds = np.concatenate([[used[0] + 1], used])
        return fpr, tpr, to_cosine(thresholds)

    def auc(self) -> float:
        """Probability that a genuine pair beats an impostor pair.

        Ties count one half: the area under the ROC by trapezoids.
        """
        fpr, tpr, _ = self.rates()
        return float((np.diff(fpr) * (tpr[1:] + tpr[:-1])).sum() / 2)

    def eer(self) -> float:
        """Equal error rate: where the ROC meets FPR = 1 - TPR.

        The ROC is taken as straight between two thresholds.
        """
        fpr, tpr, _ = self.rates()
        gap = fpr - (1 - tpr)  # rises from -1 to 1
        after = int(np.argmax(gap >= 0))
        share = -gap[after - 1] / (gap[after] - gap[after - 1])
        return float(fpr[after - 1] + share * (fpr[after] - fpr[after - 1]))

    def threshold_at(self, fpr: float) -> float:
        """The lowest threshold that accepts at most this share of impostors.

        It is above 1 (no pair is accepted) if too many impostors have the
        highest cosine.

        Raises:
            ValueError: ``fpr`` is not in [0, 1].
        """
        return float(to_cosine(self.bin_at(fpr)))

    def tpr_at(self, fpr: float) -> float:
        """Share of genuine pairs accepted at :meth:`threshold_at`."""
        first = self.bin_at(fpr)
        return float(self.genuine[first:].sum() / self.genuine_pairs)

    def fpr_at(self, fpr: float) -> float:
        """Share of impostors accepted at :meth:`threshold_at`."""
        first = self.bin_at(fpr)
        return float(self.impostor[first:].sum() / self.impostor_pairs)

    def smallest_fpr(self) -> float:
        """The lowest FPR that the impostor pairs can tell.

        Below it fewer than 30 errors are expected ("rule of 30": Doddington
        et al., "The NIST speaker recognition evaluation", Speech
        Communication 2000). Pairs share images, so it is rather too low.
        """
        return 30 / self.impostor_pairs

    def bin_at(self, fpr: float) -> int:
        """Bin of :meth:`threshold_at`; ``BINS`` accepts no pair."""
        check_share(fpr, 'fpr')
        accepted = np.cumsum(self.impostor[::-1])[::-1]
        fits = accepted <= fpr * self.impostor_pairs
        return int(np.argmax(fits)) if fits.any() else BINS


def to_cosine(bins):
    """The lower end of a bin, i.e. the threshold that accepts it."""
    return (np.asarray(bins) - HALF) * STEP


def check_share(value: float, name: str):
    """Raise a ValueError if ``value`` is not in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f'{name} must be a share between 0 and 1, got '
                         f'{value}')


def pair_histogram(query,
                   gallery,
                   q_pids,
                   g_pids,
                   q_camids,
                   g_camids,
                   *,
                   cross_camera: bool = True,
                   block: Optional[int] = None,
                   name: str = '') -> PairHistogram:
    """Count the cosines of all pairs of one domain.

    The products run where the features lie, the counting on the CPU with
    ``torch.get_num_threads()`` threads. Beside the features the memory is
    a block of scores and 16 MiB per thread.

    Args:
        query (Tensor): features, shape (Nq, D).
        gallery (Tensor): features, shape (Ng, D).
        q_pids (Sequence[int]): identities, shape (Nq,), >= 0.
        g_pids (Sequence[int]): identities, shape (Ng,); -1 marks junk, which
            is in no pair.
        q_camids (Sequence[int]): cameras, shape (Nq,).
        g_camids (Sequence[int]): cameras, shape (Ng,).
        cross_camera (bool): leave out every pair, also an impostor pair, of
            one camera. With False the caller must keep the query images out
            of the gallery. Defaults to True.
        block (int, optional): queries per block. Default: by the memory.
        name (str): name of the domain, for error messages.

    Returns:
        PairHistogram: the counts.

    Raises:
        ValueError: what :func:`mmreidmix.evaluation.rank` raises on
            bad input, or there is no genuine or no impostor pair.
    """
    side = checked_sides(
        query, gallery, q_pids, g_pids, q_camids, g_camids,
        cross_camera=cross_camera, block=block, name=name)
    threads = torch.get_num_threads()
    counts = np.zeros((threads, 2, BINS), dtype=np.int64)

    def count(scores, begin, thread):
        rows = slice(thread, None, threads)
        block_pids = side.q_pids[begin:begin + len(scores)][rows]
        block_cams = side.q_camids[begin:begin + len(scores)][rows]
        _count_block(scores[rows], block_pids, side.g_pids, block_cams,
                     side.g_camids, cross_camera, counts[thread])

    with ThreadPoolExecutor(threads) as pool:
        for begin, scores in side.score_blocks():
            scores = scores.cpu().numpy()
            tasks = [
                pool.submit(count, scores, begin, t) for t in range(threads)
            ]
            for task in tasks:
                task.result()
    impostor, genuine = counts.sum(0)
    total = int(genuine.sum() + impostor.sum())
    for pairs, kind in ((genuine, 'genuine'), (impostor, 'impostor')):
        if not pairs.any():
            raise ValueError(_no_pair_message(side, kind))
    junk = len(side.junk)
    listed = len(side.q_pids) * (len(side.g_pids) - junk)
    return PairHistogram(genuine, impostor, junk, listed - total)


def _no_pair_message(side, kind: str) -> str:
    domain = f'domain {side.name}' if side.name else 'the domain'
    if kind == 'genuine':
        return side.no_match_message().replace('no query has a match',
                                               'there is no genuine pair')
    pids = np.union1d(side.q_pids, side.g_pids[side.g_pids >= 0])
    return (f'there is no impostor pair: {domain} shows {len(pids)} '
            'person(s), and pairs of one camera '
            f'{"do not count" if side.cross_camera else "count"}')


@dataclass(frozen=True)
class OpenSetResult:
    """What :func:`open_set` finds for each query.

    Attributes:
        mate_score (np.ndarray): best cosine with the person's own images,
            per query whose person is in the gallery, shape (P,).
        mate_rank (np.ndarray): zero-based rank of that image, shape (P,).
        absent_score (np.ndarray): best cosine with any image, per query
            whose person is not in the gallery, shape (A,).
        without_match (int): queries that were left out, because their person
            is in the gallery but in no other camera.
    """

    mate_score: np.ndarray
    mate_rank: np.ndarray
    absent_score: np.ndarray
    without_match: int

    def threshold_at(self, false_alarms: float) -> float:
        """The lowest cosine that alarms for at most this share of absentees.

        Raises:
            ValueError: the share is not in [0, 1].
        """
        check_share(false_alarms, 'false_alarms')
        allowed = int(false_alarms * len(self.absent_score))
        if allowed >= len(self.absent_score):
            return -np.inf
        worst = np.sort(self.absent_score)[::-1][allowed]
        return float(np.nextafter(worst, np.inf))

    def detection_rate(self, false_alarms: float, rank: int = 1) -> float:
        """Detection and identification rate at a false alarm rate.

        Args:
            false_alarms (float): accepted share of queries of absent people
                that raise an alarm.
            rank (int): the person must be among the first ``rank`` images.
        """
        found = self.mate_score >= self.threshold_at(false_alarms)
        return float((found & (self.mate_rank < rank)).mean())


def draw_absent(q_pids, share: float = 0.5, seed: int = 0) -> np.ndarray:
    """Draw people who are to be absent from the gallery.

    Args:
        q_pids (Sequence[int]): identities of the queries.
        share (float): share of the different identities, rounded down, at
            least one.
        seed (int): of the draw.

    Returns:
        np.ndarray: sorted identities.
    """
    check_share(share, 'share')
    pids = np.unique(q_pids)
    number = max(1, int(share * len(pids)))
    return np.sort(np.random.default_rng(seed).permutation(pids)[:number])


def open_set(query,
             gallery,
             q_pids,
             g_pids,
             q_camids,
             g_camids,
             absent: Sequence = (),
             *,
             cross_camera: bool = True,
             block: Optional[int] = None,
             name: str = '') -> OpenSetResult:
    """Search people of whom some are not in the gallery.

    The images of the ``absent`` are taken out of the gallery. A query raises
    an alarm if the first image of its list reaches the threshold. At a
    threshold, the false alarm rate is the share of the queries of absent
    people that raise an alarm; the detection and identification rate (DIR)
    at rank r is the share of the other queries whose own person is among the
    first r images and reaches the threshold.

    Sources: Grother and Ngan, "Face Recognition Vendor Test", NIST IR 8009,
    2014 (open-set identification); Liao et al., "Open-set Person
    Re-identification", arXiv:1408.0872.

    Args:
        query (Tensor): features; this and the next five as in
            :func:`pair_histogram`.
        gallery (Tensor): features.
        q_pids (Sequence[int]): identities.
        g_pids (Sequence[int]): identities.
        q_camids (Sequence[int]): cameras.
        g_camids (Sequence[int]): cameras.
        absent (Sequence[int]): identities, e.g. of :func:`draw_absent`;
            people without any gallery image are absent in any case.
        cross_camera (bool): leave the query's identity in the query's camera
            out of its list. Defaults to True.
        block (int, optional): queries per block. Default: by the memory.
        name (str): name of the domain, for error messages.

    Returns:
        OpenSetResult: exact values; equal scores keep the gallery's order.

    Raises:
        ValueError: what :func:`mmreidmix.evaluation.rank` raises on
            bad input, no query has a match, or nobody is absent.
    """
    g_pids = np.asarray(g_pids)
    kept = np.flatnonzero(~np.isin(g_pids, absent))
    if not len(kept):
        raise ValueError('open_set: no gallery image is left without the '
                         f'{len(absent)} absent people')
    gallery = torch.as_tensor(gallery)
    gallery = gallery[torch.from_numpy(kept).to(gallery.device)]
    side = checked_sides(
        query, gallery, q_pids, g_pids[kept], q_camids,
        np.asarray(g_camids)[kept], cross_camera=cross_camera, block=block,
        name=name)
    away = ~np.isin(side.q_pids, side.g_pids)
    best = np.empty((2, len(side.q_pids)))
    ranks = np.empty(len(side.q_pids), dtype=np.int64)
    for begin, scores in side.score_blocks():
        rows = slice(begin, begin + len(scores))
        _best_block(scores.cpu().numpy(), side.q_pids[rows], side.g_pids,
                    side.q_camids[rows], side.g_camids, cross_camera,
                    best[:, rows], ranks[rows])
    mated = best[0] > -np.inf
    if not mated.any():
        raise ValueError(side.no_match_message())
    if not away.any():
        raise ValueError('open_set: every query person is in the gallery; '
                         'name some as `absent`')
    return OpenSetResult(best[0, mated], ranks[mated], best[1, away],
                         int((~mated & ~away).sum()))


@compiled
def bin_of(score):
    """The bin that a cosine is counted in."""
    # Multiplying by a power of two is exact, so no cosine crosses a bin edge.
    position = int(np.floor(score * HALF)) + HALF
    return min(max(position, 0), BINS - 1)


@compiled
def _count_block(scores, q_pids, g_pids, q_camids, g_camids, cross_camera,
                 counts):
    for row in range(len(scores)):
        pid, camera = q_pids[row], q_camids[row]
        for j in range(len(g_pids)):
            if g_pids[j] < 0 or cross_camera and g_camids[j] == camera:
                continue
            counts[int(g_pids[j] == pid), bin_of(scores[row, j])] += 1


@compiled
def _best_block(scores, q_pids, g_pids, q_camids, g_camids, cross_camera,
                best, ranks):
    for row in range(len(scores)):
        values = scores[row]
        mate, other = -np.inf, -np.inf
        place = -1
        for j in range(len(values)):
            if g_pids[j] != q_pids[row]:
                other = max(other, values[j])
            elif values[j] > mate and not (
                    cross_camera and g_camids[j] == q_camids[row]):
                mate = values[j]
                place = j
        best[0, row] = mate
        best[1, row] = other
        before = 0
        for j in range(len(values)):
            if g_pids[j] != q_pids[row] and place >= 0:
                before += values[j] > mate or (values[j] == mate
                                               and j < place)
        ranks[row] = before
