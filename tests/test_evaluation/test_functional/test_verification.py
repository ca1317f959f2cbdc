"""Error rates over pairs against sklearn and naive loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from mmreidmix.evaluation.functional.calibration import calibrate
from mmreidmix.evaluation.functional.open_set import draw_absent, open_set
from mmreidmix.evaluation.functional.query_gallery import QueryGallery
from mmreidmix.evaluation.functional.verification import (
    BINS,
    STEP,
    PairHistogram,
    pair_histogram,
    to_cosine,
)


def images_of(*arrays, **options):
    return QueryGallery.from_arrays(*arrays, **options)


def make_set(seed=0, num_query=30, num_gallery=60, pids=8, cameras=3,
             dim=64, junk=False):
    """Noisy people; signs as features give exact cosines with many ties."""
    rng = np.random.default_rng(seed)
    q_pids, g_pids = (rng.integers(0, pids, n)
                      for n in (num_query, num_gallery))
    if junk:
        g_pids[::7] = -1
    q_camids, g_camids = (rng.integers(0, cameras, n)
                          for n in (num_query, num_gallery))
    centers = rng.choice([-1, 1], (pids, dim))
    query, gallery = (
        torch.tensor(centers[p] * np.where(rng.random((len(p), dim)) < .3,
                                           -1, 1), dtype=torch.float32)
        for p in (q_pids, g_pids))
    return query, gallery, q_pids, g_pids, q_camids, g_camids


def cosines(query, gallery):
    query, gallery = (torch.nn.functional.normalize(x, dim=1)
                      for x in (query, gallery))
    return (query @ gallery.T).numpy()


def naive_pairs(query, gallery, q_pids, g_pids, q_camids, g_camids,
                cross_camera=True):
    """Rounded cosine and kind of each pair."""
    scores = np.floor(cosines(query, gallery).astype(float) / STEP) * STEP
    rows = [(min(scores[i, j], 1), q_pids[i] == g_pids[j])
            for i in range(len(q_pids)) for j in range(len(g_pids))
            if g_pids[j] >= 0 and not (cross_camera
                                       and q_camids[i] == g_camids[j])]
    values, genuine = zip(*rows)
    return np.array(values), np.array(genuine)


@pytest.mark.parametrize('cross_camera', [True, False])
@pytest.mark.parametrize('seed', range(3))
def test_rates_are_those_of_sklearn(seed, cross_camera):
    columns = make_set(seed, junk=True)
    histogram = pair_histogram(
        images_of(*columns, cross_camera=cross_camera, block=7))
    values, genuine = naive_pairs(*columns, cross_camera)
    assert histogram.genuine_pairs == genuine.sum()
    assert histogram.impostor_pairs == (~genuine).sum()
    assert histogram.junk == 9
    assert histogram.same_camera == 30 * (60 - 9) - len(values)
    fpr, tpr, thresholds = roc_curve(genuine, values, drop_intermediate=False)
    ours = histogram.rates()
    np.testing.assert_allclose(ours[0], fpr, rtol=1e-12)
    np.testing.assert_allclose(ours[1], tpr, rtol=1e-12)
    np.testing.assert_array_equal(ours[2][1:], thresholds[1:])
    assert histogram.auc() == pytest.approx(
        roc_auc_score(genuine, values), rel=1e-12)


def test_threads_and_blocks_do_not_matter():
    columns = make_set(num_query=40)
    expected = pair_histogram(images_of(*columns))
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        other = pair_histogram(images_of(*columns, block=11))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(other.genuine, expected.genuine)
    np.testing.assert_array_equal(other.impostor, expected.impostor)


scores = st.lists(st.integers(-8, 8), min_size=1, max_size=20)


def histogram_of(genuine, impostor):
    bins = [np.bincount((np.array(x) + 8) * (BINS // 16), minlength=BINS)
            for x in (genuine, impostor)]
    return PairHistogram(*bins)


@settings(max_examples=40)
@given(scores, scores, st.sampled_from([0, .01, .1, .25, .5, 1]))
def test_thresholds_keep_to_the_rate_and_are_the_lowest(genuine, impostor,
                                                        wanted):
    histogram = histogram_of(genuine, impostor)
    threshold = histogram.threshold_at(wanted)
    impostor = np.array(impostor) / 8
    genuine = np.array(genuine) / 8

    def rate(values, limit):
        return (values >= limit).mean()

    assert rate(impostor, threshold) <= wanted
    assert threshold == -1 or rate(impostor, threshold - STEP) > wanted
    assert histogram.fpr_at(wanted) == rate(impostor, threshold)
    assert histogram.tpr_at(wanted) == rate(genuine, threshold)


@settings(max_examples=40)
@given(scores, scores)
def test_eer_lies_on_the_roc(genuine, impostor):
    histogram = histogram_of(genuine, impostor)
    labels = np.repeat([1, 0], [len(genuine), len(impostor)])
    fpr, tpr, _ = roc_curve(labels, genuine + impostor)
    eer = histogram.eer()
    # The diagonal FPR = 1 - TPR cuts the ROC between two of its points.
    along = np.linspace(0, len(fpr) - 1, 20001)
    grid = np.interp(along, np.arange(len(fpr)), fpr)
    misses = 1 - np.interp(along, np.arange(len(fpr)), tpr)
    nearest = np.argmin(np.abs(grid - misses))
    assert eer == pytest.approx(grid[nearest], abs=2e-3)
    assert 0 <= eer <= 1
    assert histogram.auc() == pytest.approx(
        roc_auc_score(labels, genuine + impostor), rel=1e-12)


def test_known_rates():
    histogram = histogram_of([8, 8, 6, 2], [4, 0, 0, -8])
    assert histogram.eer() == .25
    assert histogram.auc() == 15 / 16
    assert histogram.tpr_at(0) == .75
    assert histogram.threshold_at(0) == .5 + STEP
    assert histogram.smallest_fpr() == 7.5
    assert to_cosine(BINS - 1) == 1
    perfect = histogram_of([8], [-8])
    assert (perfect.eer(), perfect.auc()) == (0, 1)
    worst = histogram_of([-8], [8])
    assert (worst.eer(), worst.auc(), worst.tpr_at(.5)) == (1, 0, 0)
    assert worst.threshold_at(.5) == 1 + STEP
    with pytest.raises(ValueError, match=r'fpr must be in \[0, 1\], got 1.5'):
        histogram.tpr_at(1.5)


def naive_open_set(query, gallery, q_pids, g_pids, q_camids, g_camids,
                   absent, false_alarms, rank):
    scores = cosines(query, gallery)
    alarms, mates = [], []
    for i, pid in enumerate(q_pids):
        listed = [
            (-scores[i, j], j) for j in range(len(g_pids))
            if g_pids[j] >= 0 and g_pids[j] not in absent
            and not (g_pids[j] == pid and g_camids[j] == q_camids[i])
        ]
        listed = [(-s, g_pids[j]) for s, j in sorted(listed)]
        places = [k for k, (_, p) in enumerate(listed) if p == pid]
        if pid in absent or pid not in g_pids:
            alarms.append(listed[0][0])
        elif places:
            mates.append((listed[places[0]][0], places[0]))
    allowed = int(false_alarms * len(alarms))
    levels = sorted(set(alarms)) + [np.inf]
    # the lowest level among "just above an absent person's score"
    best = min((t for t in [-np.inf, *levels]
                if sum(a > t for a in alarms) <= allowed), default=np.inf)
    hits = [s > best and k < rank for s, k in mates]
    return len(alarms), np.mean(hits)


@pytest.mark.parametrize('false_alarms', [0, .1, .5, .9])
@pytest.mark.parametrize('seed', range(4))
def test_open_set_against_loops(seed, false_alarms):
    columns = make_set(seed, pids=6, junk=True)
    absent = draw_absent(columns[2], .5, seed)
    assert len(absent) == 3
    result = open_set(images_of(*columns, block=7), absent)
    for rank in (1, 3):
        alarms, rate = naive_open_set(*columns, absent, false_alarms, rank)
        assert len(result.absent_score) == alarms
        assert result.detection_rate(false_alarms, rank) == rate
    queries = (len(result.absent_score) + len(result.mate_score)
               + result.without_match)
    assert queries == 30


def test_open_set_counts_and_errors():
    query = torch.eye(3)
    result = open_set(images_of(
        query, query, [1, 2, 3], [1, 2, 9], [0, 0, 0], [1, 0, 1]))
    assert result.without_match == 1  # person 2 is in camera 0 alone
    assert result.absent_score.tolist() == [1]
    assert result.detection_rate(1) == 1
    assert result.detection_rate(0) == 0
    same = images_of(
        query, query, [1, 2, 3], [1, 2, 3], [0, 0, 0], [1, 1, 1])
    with pytest.raises(ValueError, match='every query person is in the gal'):
        open_set(same)
    with pytest.raises(ValueError, match='no gallery image is left'):
        open_set(same, absent=[1, 2, 3])
    with pytest.raises(ValueError, match='no query has a match'):
        open_set(images_of(
            query, query, [1, 2, 3], [7, 8, 9], [0] * 3, [1] * 3))
    with pytest.raises(ValueError, match="open_set needs metric='cosine'"):
        open_set(images_of(query, query, *[[0, 1, 2]] * 4, metric='euclidean'))
    np.testing.assert_array_equal(draw_absent([5, 5, 4], .1), [
        draw_absent([5, 5, 4], .1)[0]])


def naive_threshold(columns, fmr, weight):
    query, gallery, q_pids, g_pids, q_camids, g_camids = columns
    scores = np.floor(cosines(query, gallery).astype(float) / STEP)
    values, weights = [], []
    for i in range(len(q_pids)):
        for j in range(len(g_pids)):
            if q_camids[i] != g_camids[j] and g_pids[j] not in (
                    -1, q_pids[i]):
                values.append(min(scores[i, j], 1 / STEP))
                weights.append(weight[q_pids[i]] * weight[g_pids[j]])
    values, weights = np.array(values), np.array(weights)
    for level in sorted(set(values.tolist()), reverse=True):
        if weights[values >= level].sum() > fmr * weights.sum():
            return (level + 1) * STEP
    return -1.


@pytest.mark.parametrize('fmrs', [(.05, .3), (.9, .2), (1e-9, )])
def test_calibration_against_loops(fmrs):
    columns = make_set(3, num_query=20, num_gallery=30, pids=6, junk=True)
    thresholds, histogram = calibrate(
        images_of(*columns, block=6), fmrs, resamples=40, confidence=.8,
        seed=5)
    draws = np.random.default_rng(5).multinomial(6, np.full(6, 1 / 6), 40)
    for fmr, got in zip(fmrs, thresholds):
        assert got.fmr == fmr
        assert got.threshold == naive_threshold(columns, fmr, np.ones(6))
        assert got.measured_fmr == histogram.fpr_at(fmr) <= fmr
        assert got.tpr == histogram.tpr_at(fmr)
        assert not got.supported or fmr * histogram.impostor_pairs >= 30
        expected = [naive_threshold(columns, fmr, w) for w in draws]
        np.testing.assert_allclose((got.low, got.high),
                                   np.quantile(expected, [.1, .9]),
                                   rtol=1e-12)


def test_interval_follows_people_not_pairs():
    """Each image twice: as many people, so the same interval."""
    columns = make_set(1, num_query=40, num_gallery=80, pids=20)
    twice = [torch.cat([c, c]) if torch.is_tensor(c)
             else np.concatenate([c, c]) for c in columns]
    first, = calibrate(images_of(*columns), [.05], resamples=50)[0]
    second, = calibrate(images_of(*twice), [.05], resamples=50)[0]
    assert (first.low, first.high) == (second.low, second.high)
    assert first.low <= first.threshold <= first.high
    assert first.low < first.high


def test_calibration_options():
    images = images_of(*make_set())
    for options, message in (({'fmrs': []}, 'fmrs is empty'),
                             ({'fmrs': [0.]}, 'must be above 0'),
                             ({'fmrs': [2.]}, r'fmrs must be in \[0, 1\)'),
                             ({'resamples': 0}, 'resamples must be an int'),
                             ({'confidence': 1}, 'confidence must be in')):
        with pytest.raises(ValueError, match=message):
            calibrate(images, **options)


def test_bad_input_is_named():
    query, gallery, *labels = make_set()
    broken = query.clone()
    broken[3] = np.nan
    with pytest.raises(ValueError, match='query features are NaN.*1 of 30'):
        images_of(broken, gallery, *labels)
    q_pids, g_pids, q_camids, g_camids = labels
    with pytest.raises(ValueError, match='no genuine pair in another camera'):
        pair_histogram(images_of(query, gallery, q_pids, g_pids,
                                 q_camids * 0, g_camids * 0))
    with pytest.raises(ValueError, match='no genuine pair: in domain shop'):
        pair_histogram(images_of(query, gallery, q_pids, g_pids + 50,
                                 q_camids, g_camids, name='shop'))
    with pytest.raises(ValueError, match='no impostor pair: .* 1 person'):
        pair_histogram(images_of(query, gallery, q_pids * 0, g_pids * 0,
                                 q_camids, g_camids))
