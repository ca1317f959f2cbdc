"""Search for people of whom some are not in the gallery.

A query raises an alarm if the first image of its list reaches the threshold.
At a threshold, the false alarm rate is the share of the queries of absent
people that raise an alarm; the detection and identification rate (DIR) at
rank r is the share of the other queries whose own person is among the first r
images and reaches the threshold.

Sources: Grother and Ngan, "Face Recognition Vendor Test", NIST IR 8009, 2014
(open-set identification); Liao et al., "Open-set Person Re-identification",
arXiv:1408.0872.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Union

import numpy as np
import torch

from mmreidmix.checks import check_between
from mmreidmix.neighbours.numba_kernels import compiled

from .query_gallery import QueryGallery


@dataclass(frozen=True)
class OpenSetResult:
    """What :func:`open_set` finds for each query.

    Attributes:
        mate_score (np.ndarray): (P,) best cosine with the person's own
            images, per query whose person is in the gallery.
        mate_rank (np.ndarray): (P,) zero-based rank of that image.
        absent_score (np.ndarray): (A,) best cosine with any image, per query
            whose person is not in the gallery.
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
        check_between('OpenSetResult', 0, 1, false_alarms=false_alarms)
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


def draw_absent(q_pids: Union[Sequence[int], np.ndarray], share: float = 0.5,
                seed: int = 0) -> np.ndarray:
    """Draw people who are to be absent from the gallery.

    Args:
        q_pids (Sequence[int]): identities of the queries.
        share (float): share of the different identities, rounded down, at
            least one.
        seed (int): of the draw.

    Returns:
        np.ndarray: sorted identities.
    """
    check_between('draw_absent', 0, 1, share=share)
    pids = np.unique(q_pids)
    number = max(1, int(share * len(pids)))
    return np.sort(np.random.default_rng(seed).permutation(pids)[:number])


def open_set(images: QueryGallery,
             absent: Union[Sequence[int], np.ndarray] = ()) -> OpenSetResult:
    """Search people of whom some are taken out of the gallery.

    Args:
        images (QueryGallery): metric must be 'cosine'.
        absent (Sequence[int]): identities whose gallery images are taken out,
            e.g. of :func:`draw_absent`; people without any gallery image are
            absent in any case.

    Returns:
        OpenSetResult: exact values; equal scores keep the gallery's order.

    Raises:
        ValueError: the metric is Euclidean, no query has a match, or nobody
            is absent.
    """
    images.require_cosine('open_set')
    present = np.flatnonzero(~np.isin(images.g_pids, absent))
    images = replace(
        images, gallery=images.gallery[
            torch.from_numpy(present).to(images.gallery.device)],
        g_pids=images.g_pids[present], g_camids=images.g_camids[present])
    if images.junk.all():
        raise ValueError('open_set: no gallery image is left without the '
                         f'{len(absent)} absent people')
    away = ~np.isin(images.q_pids, images.g_pids)
    best = np.empty((2, len(images.q_pids)))
    ranks = np.empty(len(images.q_pids), dtype=np.int64)
    for rows, scores in images.score_blocks():
        _best_scores(scores.cpu().numpy(), images.q_pids[rows], images.g_pids,
                     images.q_camids[rows], images.g_camids,
                     images.cross_camera, best[:, rows], ranks[rows])
    mated = best[0] > -np.inf
    if not mated.any():
        raise ValueError(images.no_match_message())
    if not away.any():
        raise ValueError('open_set: every query person is in the gallery; '
                         'name some as `absent`')
    return OpenSetResult(best[0, mated], ranks[mated], best[1, away],
                         int((~mated & ~away).sum()))


@compiled
def _best_scores(scores: np.ndarray, q_pids: np.ndarray, g_pids: np.ndarray,
                 q_camids: np.ndarray, g_camids: np.ndarray,
                 cross_camera: bool, best: np.ndarray,
                 ranks: np.ndarray) -> None:
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
