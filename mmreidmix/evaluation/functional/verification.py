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

from dataclasses import dataclass
from typing import Union

import numpy as np
import torch

from mmreidmix.checks import check_between, check_choice
from mmreidmix.choices import SHARE_BINS
from mmreidmix.neighbours.numba_kernels import compiled, over_rows

from .query_gallery import QueryGallery

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

    def means(self) -> tuple[float, float]:
        """Mean cosine of the genuine and of the impostor pairs.

        It is that of the cosines rounded down to a multiple of ``STEP``.
        """
        cosines = to_cosine(np.arange(BINS))
        return (float(self.genuine @ cosines / self.genuine_pairs),
                float(self.impostor @ cosines / self.impostor_pairs))

    def shares(self, bins: int = 128) -> tuple[np.ndarray, np.ndarray]:
        """Both histograms over equal bins from -1 to 1, each with sum 1.

        A bin holds its lower end, the last one also the cosine 1.

        Args:
            bins (int): their number, one of ``SHARE_BINS``.

        Returns:
            tuple[np.ndarray, np.ndarray]: shares of the genuine and of the
            impostor pairs, shape (bins,).

        Raises:
            ValueError: ``bins`` is another number.
        """
        check_choice('PairHistogram', SHARE_BINS, bins=bins)
        first = np.arange(bins) * ((BINS - 1) // bins)
        genuine, impostor = (
            np.add.reduceat(counts, first) / counts.sum()
            for counts in (self.genuine, self.impostor))
        return genuine, impostor

    def overlap(self, bins: int = 128) -> float:
        """Sum of the smaller of both :meth:`shares` of each bin.

        It is 0 if no bin has pairs of both kinds, 1 if both histograms are
        the same.
        """
        return float(np.minimum(*self.shares(bins)).sum())

    def rates(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
        check_between('PairHistogram', 0, 1, fpr=fpr)
        accepted = np.cumsum(self.impostor[::-1])[::-1]
        fits = accepted <= fpr * self.impostor_pairs
        return int(np.argmax(fits)) if fits.any() else BINS


def to_cosine(bins: Union[int, np.ndarray]) -> np.ndarray:
    """The lower end of a bin, i.e. the threshold that accepts it."""
    return (np.asarray(bins) - HALF) * STEP


def pair_histogram(images: QueryGallery) -> PairHistogram:
    """Count the cosines of all pairs of one domain.

    Junk is in no pair. The products run where the features lie, the counting
    on the CPU with ``torch.get_num_threads()`` threads. Beside the features
    the memory is a block of scores and 16 MiB per thread.

    Args:
        images (QueryGallery): metric must be 'cosine'.

    Raises:
        ValueError: the metric is Euclidean, or there is no genuine or no
            impostor pair.
    """
    images.require_cosine('pair_histogram')
    threads = torch.get_num_threads()
    counts = np.zeros((threads, 2, BINS), dtype=np.int64)
    for rows, scores in images.score_blocks():
        chunk = -(-len(scores) // threads)
        for _ in over_rows(
                _count_pairs, len(scores), scores.cpu().numpy(),
                images.q_pids[rows], images.g_pids, images.q_camids[rows],
                images.g_camids, images.cross_camera, counts, chunk,
                chunk=chunk):
            pass
    impostor, genuine = counts.sum(0)
    for pairs, kind in ((genuine, 'genuine'), (impostor, 'impostor')):
        if not pairs.any():
            raise ValueError(_no_pair_message(images, kind))
    junk = int(images.junk.sum())
    listed = len(images.q_pids) * (len(images.g_pids) - junk)
    return PairHistogram(genuine, impostor, junk,
                         listed - int(genuine.sum() + impostor.sum()))


def _no_pair_message(images: QueryGallery, kind: str) -> str:
    if kind == 'genuine':
        return images.no_match_message().replace('no query has a match',
                                                 'there is no genuine pair')
    pids = np.union1d(images.q_pids, images.g_pids[~images.junk])
    return (f'there is no impostor pair: {images.title} shows {len(pids)} '
            'person(s), and pairs of one camera '
            f'{"do not count" if images.cross_camera else "count"}')


@compiled
def bin_of(score: float) -> int:
    """The bin that a cosine is counted in."""
    # Multiplying by a power of two is exact, so no cosine crosses a bin edge.
    position = int(np.floor(score * HALF)) + HALF
    return min(max(position, 0), BINS - 1)


@compiled
def _count_pairs(scores: np.ndarray, q_pids: np.ndarray, g_pids: np.ndarray,
                 q_camids: np.ndarray, g_camids: np.ndarray,
                 cross_camera: bool, counts: np.ndarray, chunk: int,
                 begin: int, end: int) -> None:
    own = counts[begin // chunk]  # each thread has one
    for row in range(begin, end):
        pid, camera = q_pids[row], q_camids[row]
        for j in range(len(g_pids)):
            if g_pids[j] < 0 or cross_camera and g_camids[j] == camera:
                continue
            own[int(g_pids[j] == pid), bin_of(scores[row, j])] += 1
