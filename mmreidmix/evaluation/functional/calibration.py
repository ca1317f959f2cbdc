"""Thresholds for a wanted false-match rate, with intervals over people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmreidmix.checks import check_above, check_count, check_fraction
from mmreidmix.neighbours.numba_kernels import compiled

from .query_gallery import QueryGallery
from .verification import PairHistogram, bin_of, pair_histogram, to_cosine


@dataclass(frozen=True)
class Threshold:
    """A cosine from which on two images are taken for one person.

    Attributes:
        fmr (float): wanted false-match rate (FPR over impostor pairs).
        threshold (float): lowest cosine that keeps to it on the given data.
        low (float): lower end of the bootstrap interval of the threshold.
        high (float): upper end.
        measured_fmr (float): share of impostor pairs it accepts.
        tpr (float): share of genuine pairs it accepts.
        supported (bool): False if fewer than 30 false matches are expected,
            so that the threshold hangs on a few pairs.
    """

    fmr: float
    threshold: float
    low: float
    high: float
    measured_fmr: float
    tpr: float
    supported: bool


def calibrate(
        images: QueryGallery,
        fmrs: Sequence[float] = (1e-3, 1e-4),
        *,
        resamples: int = 1000,
        confidence: float = 0.95,
        seed: int = 0) -> tuple[list[Threshold], PairHistogram]:
    """Find the cosine threshold of each false-match rate.

    The interval is that of a bootstrap over people, not over pairs, which
    share images and would make it far too narrow: people are drawn with
    replacement, an impostor pair of persons a and b counts (draws of a) x
    (draws of b) times, and the percentiles of the thresholds are taken.
    Source: the vertex bootstrap of Snijders and Borgatti, "Non-parametric
    standard errors and tests for network statistics", Connections 1999. All
    images of one identity are one person, so a data set whose distractors
    share an identity makes the interval too wide.

    The products are computed twice. Beside what :func:`pair_histogram` takes,
    memory is 32 bytes for each of the impostor pairs with the highest
    cosines, four times the highest wanted rate of all.

    Args:
        images (QueryGallery): metric must be 'cosine'.
        fmrs (Sequence[float]): wanted false-match rates, in (0, 1).
        resamples (int): draws of the bootstrap; draws without an impostor
            pair are left out.
        confidence (float): of the interval, in (0, 1).
        seed (int): of the draws.

    Returns:
        tuple[list[Threshold], PairHistogram]: one threshold per rate, in the
        given order, and all pair counts.

    Raises:
        ValueError: an option is out of range, no draw has an impostor pair,
            or what :func:`pair_histogram` raises.
    """
    if not len(fmrs):
        raise ValueError('calibrate: fmrs is empty; name at least one rate')
    check_count('calibrate', 1, resamples=resamples)
    for share in (*({'fmrs': fmr} for fmr in fmrs),
                  {'confidence': confidence}):
        check_above('calibrate', 0, **share)
        check_fraction('calibrate', **share)
    histogram = pair_histogram(images)
    people = _People(images)
    weights = people.draw(resamples, seed)
    totals = people.impostor_pairs(weights)
    weights, totals = weights[totals > 0], totals[totals > 0]
    if not len(weights):
        raise ValueError(f'calibrate: no impostor pair in {resamples} draws '
                         f'of {people.images.shape[1]} people; raise '
                         '`resamples` or take more people')
    tail = 4 * max(fmrs)
    while True:
        bins = _bootstrap(images, people, weights, totals, histogram, tail,
                          np.sort(fmrs)[::-1].astype(float))
        if (bins >= 0).all():
            break
        tail *= 4  # a draw reached below the tail
    intervals = np.quantile(
        to_cosine(bins), [(1 - confidence) / 2, (1 + confidence) / 2],
        axis=0).T
    rows = np.argsort(np.argsort(-np.asarray(fmrs, dtype=float)))
    return [
        Threshold(
            float(fmr), histogram.threshold_at(fmr), low, high,
            histogram.fpr_at(fmr), histogram.tpr_at(fmr),
            fmr >= histogram.smallest_fpr())
        for fmr, (low, high) in zip(fmrs, intervals[rows].tolist())
    ], histogram


class _People:
    """Who is on which image: persons 0..P-1, junk is -1.

    Attributes:
        query (np.ndarray): (Nq,) persons.
        gallery (np.ndarray): (Ng,) persons.
        images (np.ndarray): (2, P, C) images of query and gallery, by person
            and camera.
    """

    def __init__(self, images: QueryGallery):
        pids = np.maximum(np.concatenate([images.q_pids, images.g_pids]), -1)
        known, persons = np.unique(pids, return_inverse=True)
        persons = persons.astype(np.int32) - (known[0] < 0)
        cameras, camids = np.unique(
            np.concatenate([images.q_camids, images.g_camids]),
            return_inverse=True)
        half = len(images.q_pids)
        in_gallery = (np.arange(len(pids)) >= half).astype(int)
        valid = persons >= 0
        self.query, self.gallery = persons[:half], persons[half:]
        self.images = np.zeros((2, (known >= 0).sum(), len(cameras)))
        np.add.at(self.images,
                  (in_gallery[valid], persons[valid], camids[valid]), 1)
        self.cross_camera = images.cross_camera

    def draw(self, resamples: int, seed: int) -> np.ndarray:
        """How often each person is drawn, (resamples, P)."""
        number = self.images.shape[1]
        return np.random.default_rng(seed).multinomial(
            number, np.full(number, 1 / number), resamples).astype(float)

    def impostor_pairs(self, weights: np.ndarray) -> np.ndarray:
        """Weighted number of impostor pairs of each draw, in closed form."""
        own = self._pairs(*self.images)
        return self._pairs(*(weights @ self.images)) - weights**2 @ own

    def _pairs(self, query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        pairs = query.sum(1) * gallery.sum(1)
        if self.cross_camera:
            pairs -= (query * gallery).sum(1)
        return pairs


def _bootstrap(images: QueryGallery, people: _People, weights: np.ndarray,
               totals: np.ndarray, histogram: PairHistogram, tail: float,
               fmrs: np.ndarray) -> np.ndarray:
    """Bins of the thresholds, (resamples, len(fmrs)); -1 = not in the tail."""
    lowest = 0
    if tail < 1:
        lowest = max(histogram.bin_at(tail) - 1, 0)
    size = int(histogram.impostor[lowest:].sum())
    first, second, bins = np.empty((3, size), dtype=np.int32)
    filled = 0
    for rows, scores in images.score_blocks():
        filled = _collect_impostors(
            scores.cpu().numpy(), images.q_camids[rows], images.g_camids,
            people.query[rows], people.gallery, images.cross_camera, lowest,
            filled, first, second, bins)
    if filled != size:
        raise RuntimeError(f'calibrate: {filled} instead of {size} impostor '
                           'pairs on the second pass: the products of this '
                           'device cannot be repeated; move the features to '
                           'the CPU')
    order = np.argsort(-bins, kind='stable')
    result = np.empty((len(weights), len(fmrs)), dtype=np.int64)
    _draw_thresholds(first[order], second[order], bins[order], weights,
                     totals, fmrs, -1 if lowest else 0, result)
    return result


@compiled
def _collect_impostors(scores: np.ndarray, q_camids: np.ndarray,
                       g_camids: np.ndarray, q_people: np.ndarray,
                       g_people: np.ndarray, cross_camera: bool, lowest: int,
                       filled: int, first: np.ndarray, second: np.ndarray,
                       bins: np.ndarray) -> int:
    for row in range(len(scores)):
        for j in range(len(g_camids)):
            if cross_camera and g_camids[j] == q_camids[row]:
                continue
            if g_people[j] == q_people[row] or g_people[j] < 0:
                continue
            place = bin_of(scores[row, j])
            if place < lowest:
                continue
            if filled < len(first):
                first[filled] = q_people[row]
                second[filled] = g_people[j]
                bins[filled] = place
            filled += 1
    return filled


@compiled
def _draw_thresholds(first: np.ndarray, second: np.ndarray, bins: np.ndarray,
                     weights: np.ndarray, totals: np.ndarray,
                     fmrs: np.ndarray, none: int,
                     result: np.ndarray) -> None:
    # `bins` and `fmrs` descend. The threshold is one bin above the first bin
    # whose pairs are too many.
    for draw in range(len(weights)):
        weight = weights[draw]
        rate = len(fmrs) - 1
        accepted = 0.
        position = 0
        while rate >= 0 and position < len(bins):
            place = bins[position]
            while position < len(bins) and bins[position] == place:
                accepted += weight[first[position]] * weight[second[position]]
                position += 1
            while rate >= 0 and accepted > fmrs[rate] * totals[draw]:
                result[draw, rate] = place + 1
                rate -= 1
        for left in range(rate + 1):
            result[draw, left] = none
