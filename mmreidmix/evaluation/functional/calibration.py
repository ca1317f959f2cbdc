"""Thresholds for a wanted false-match rate, with intervals over people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from mmreidmix.neighbours.numba_kernels import compiled

from .query_gallery import checked_sides
from .verification import (
    PairHistogram,
    bin_of,
    check_share,
    pair_histogram,
    to_cosine,
)


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


def calibrate(query,
              gallery,
              q_pids,
              g_pids,
              q_camids,
              g_camids,
              fmrs: Sequence = (1e-3, 1e-4),
              *,
              cross_camera: bool = True,
              resamples: int = 1000,
              confidence: float = 0.95,
              seed: int = 0,
              block: Optional[int] = None,
              name: str = ''):
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
        query (Tensor): features; this and the next five as in
            :func:`pair_histogram`.
        gallery (Tensor): features.
        q_pids (Sequence[int]): identities.
        g_pids (Sequence[int]): identities.
        q_camids (Sequence[int]): cameras.
        g_camids (Sequence[int]): cameras.
        fmrs (Sequence[float]): wanted false-match rates, in (0, 1).
        cross_camera (bool): leave out the pairs of one camera.
        resamples (int): draws of the bootstrap; draws without an impostor
            pair are left out.
        confidence (float): of the interval, in (0, 1).
        seed (int): of the draws.
        block (int, optional): queries per block. Default: by the memory.
        name (str): name of the domain, for error messages.

    Returns:
        tuple[list[Threshold], PairHistogram]: one threshold per rate, in the
        given order, and all pair counts.

    Raises:
        ValueError: an option is out of range, or what
            :func:`pair_histogram` raises.
    """
    _check_options(fmrs, resamples, confidence)
    columns = (query, gallery, q_pids, g_pids, q_camids, g_camids)
    histogram = pair_histogram(
        *columns, cross_camera=cross_camera, block=block, name=name)
    side = checked_sides(
        *columns, cross_camera=cross_camera, block=block, name=name)
    people = _People.of(side)
    weights = people.draw(resamples, seed)
    totals = people.impostor_pairs(weights)
    weights, totals = weights[totals > 0], totals[totals > 0]
    if not len(weights):
        raise ValueError(f'calibrate: no impostor pair in {resamples} draws '
                         f'of {len(people.query_images)} people; raise '
                         '`resamples` or take more people')
    tail = 4 * max(fmrs)
    while True:
        bins = _bootstrap(side, people, weights, totals, histogram, tail,
                          np.sort(fmrs)[::-1].astype(float))
        if (bins >= 0).all():
            break
        tail *= 4  # a draw reached below the kept pairs
    edges = np.quantile(
        to_cosine(bins), [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    rows = np.argsort(np.argsort(-np.asarray(fmrs, dtype=float)))
    return [
        _describe(histogram, fmr, *edges[:, row].tolist())
        for fmr, row in zip(fmrs, rows)
    ], histogram


def _check_options(fmrs, resamples, confidence):
    if not len(fmrs):
        raise ValueError('calibrate: fmrs is empty; name at least one rate')
    for fmr in fmrs:
        check_share(fmr, 'fmr')
    if min(fmrs) == 0 or max(fmrs) == 1:
        raise ValueError(f'calibrate: fmrs must be above 0 and below 1, got '
                         f'{list(fmrs)}')
    if resamples < 1:
        raise ValueError(f'calibrate: resamples must be at least 1, got '
                         f'{resamples}')
    if not 0 < confidence < 1:
        raise ValueError('calibrate: confidence must be above 0 and below 1, '
                         f'got {confidence}')


def _describe(histogram: PairHistogram, fmr, low, high) -> Threshold:
    return Threshold(
        float(fmr), histogram.threshold_at(fmr), low, high,
        histogram.fpr_at(fmr), histogram.tpr_at(fmr),
        fmr >= histogram.smallest_fpr())


@dataclass(frozen=True)
class _People:
    """Who is on which image: identities 0..P-1, images per camera (P, C).

    Junk is person -1.
    """

    query: np.ndarray
    gallery: np.ndarray
    query_images: np.ndarray
    gallery_images: np.ndarray
    cross_camera: bool

    @classmethod
    def of(cls, side) -> '_People':
        pids = np.maximum(np.concatenate([side.q_pids, side.g_pids]), -1)
        known, pids = np.unique(pids, return_inverse=True)
        cameras, camids = np.unique(
            np.concatenate([side.q_camids, side.g_camids]),
            return_inverse=True)
        half = len(side.q_pids)
        images = np.zeros((2, (known >= 0).sum(), len(cameras)))
        pids = pids.astype(np.int32) - (known[0] < 0)
        for counts, part in zip(images, (slice(half), slice(half, None))):
            person = pids[part] >= 0
            np.add.at(counts, (pids[part][person], camids[part][person]), 1)
        return cls(pids[:half], pids[half:], *images, side.cross_camera)

    def draw(self, resamples: int, seed: int) -> np.ndarray:
        """How often each person is drawn, shape (resamples, P)."""
        number = len(self.query_images)
        return np.random.default_rng(seed).multinomial(
            number, np.full(number, 1 / number), resamples).astype(float)

    def impostor_pairs(self, weights: np.ndarray) -> np.ndarray:
        """Weighted number of impostor pairs of each draw, in closed form."""
        pairs = self._pairs(weights @ self.query_images,
                            weights @ self.gallery_images)
        own = self._pairs(self.query_images, self.gallery_images)
        return pairs - weights**2 @ own

    def _pairs(self, query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        pairs = query.sum(1) * gallery.sum(1)
        if self.cross_camera:
            pairs -= (query * gallery).sum(1)
        return pairs


def _bootstrap(side, people, weights, totals, histogram, tail, fmrs):
    """Bins of the thresholds, (resamples, len(fmrs)); -1 = not in the tail."""
    lowest = 0
    if tail < 1:
        lowest = max(histogram.bin_at(tail) - 1, 0)
    size = int(histogram.impostor[lowest:].sum())
    first = np.empty(size, dtype=np.int32)
    second = np.empty(size, dtype=np.int32)
    bins = np.empty(size, dtype=np.int32)
    filled = 0
    for begin, scores in side.score_blocks():
        rows = slice(begin, begin + len(scores))
        filled = _collect(scores.cpu().numpy(), side.q_camids[rows],
                          side.g_camids, people.query[rows], people.gallery,
                          side.cross_camera, lowest, filled, first, second,
                          bins)
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
def _collect(scores, q_camids, g_camids, q_people, g_people, cross_camera,
             lowest, filled, first, second, bins):
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
def _draw_thresholds(first, second, bins, weights, totals, fmrs, none,
                     result):
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
