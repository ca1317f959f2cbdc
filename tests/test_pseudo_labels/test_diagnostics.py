import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from mmreidmix.pseudo_labels import collapse_warning, describe_clustering
from tests.oracles import quick


def test_hand_computed():
    labels = np.array([0, 0, 0, 1, 1, -1, 2, 2])
    camids = np.array([0, 0, 1, 2, 2, 0, 0, 1])
    pids = np.array([5, 5, 6, 6, 6, 6, 7, 7])
    previous = np.array([1, 1, 1, 0, 0, 0, -1, -1])
    result = describe_clustering(labels, camids, pids, previous)
    assert all(type(value) is float for value in result.values())
    expected = {
        'images': 8, 'clusters': 3, 'noise_share': 1 / 8, 'size_min': 2,
        'size_q25': 2, 'size_median': 2, 'size_q75': 2.5, 'size_max': 3,
        'largest_share': 3 / 8, 'collapsed': 0, 'camera_purity': 5 / 7,
        'camera_entropy': (math.log(3) - 2 / 3 * math.log(2) +
                           math.log(2)) / 3,
        'stability': 1, 'noise_changed': 3 / 8, 'purity': 6 / 7,
        'size_hist/1': 0, 'size_hist/2-3': 3, 'size_hist/4-7': 0}
    for name, value in expected.items():
        assert result[name] == pytest.approx(value), name


@quick
@given(num=st.integers(2, 40), seed=st.integers(0, 999))
def test_pair_scores_equal_counting_pairs(num, seed):
    rng = np.random.default_rng(seed)
    labels, pids = rng.integers(-1, 5, num), rng.integers(-1, 5, num)
    known = [i for i in range(num) if labels[i] >= 0 and pids[i] >= 0]
    pairs = list(combinations(known, 2))
    joined = {p for p in pairs if labels[p[0]] == labels[p[1]]}
    same = {p for p in pairs if pids[p[0]] == pids[p[1]]}
    result = describe_clustering(labels, true_pids=pids)
    if not known:
        assert math.isnan(result['pair_f'])
        return
    hits = len(joined & same)
    precision = hits / len(joined) if joined else 0
    recall = hits / len(same) if same else 0
    harmonic = (2 * precision * recall / (precision + recall) if hits else 0)
    assert result['pair_precision'] == pytest.approx(precision)
    assert result['pair_recall'] == pytest.approx(recall)
    assert result['pair_f'] == pytest.approx(harmonic)


def test_size_histogram_at_the_edges_of_its_bins():
    sizes = [1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 1000]
    labels = np.repeat(np.arange(len(sizes)), sizes)
    result = describe_clustering(np.random.default_rng(0).permutation(labels))
    found = {name.split('/')[1]: value for name, value in result.items()
             if name.startswith('size_hist/')}
    assert found == {'1': 1, '2-3': 2, '4-7': 2, '8-15': 2, '16-31': 2,
                     '32-63': 2, '64-127': 2, '128+': 2}


@quick
@given(num=st.integers(1, 60), seed=st.integers(0, 999))
def test_camera_figures_equal_a_loop_over_clusters(num, seed):
    rng = np.random.default_rng(seed)
    labels, camids = rng.integers(0, 6, num), rng.integers(0, 4, num)
    counts = [np.unique(camids[labels == c], return_counts=True)[1]
              for c in np.unique(labels)]
    result = describe_clustering(labels, camids)
    assert result['camera_purity'] == pytest.approx(
        sum(count.max() for count in counts) / num)
    assert result['camera_entropy'] == pytest.approx(
        np.mean([entropy(count) for count in counts]))


@pytest.mark.parametrize('labels, words', [
    ([0, 0, 0, 1], 'one cluster holds 75% of 4 images'),
    ([-1, -1], 'no cluster survived, all 2 images are noise'),
    ([0, 0, 1, 1], None), ([], None)])
def test_warning_of_a_collapse(labels, words):
    text = collapse_warning(describe_clustering(np.array(labels, int)))
    assert text is None if words is None else words in text


@pytest.mark.parametrize('labels, collapsed', [
    ([0, 0, 0, 1], 1), ([0, 0, 1, 1], 0), ([-1, -1], 1), ([], 0),
    ([0, 0, -1, -1], 0)])
def test_collapsed(labels, collapsed):
    assert describe_clustering(np.array(labels, int))['collapsed'] == collapsed


def test_all_noise_gives_nan_not_an_error():
    noise = np.full(3, -1)
    result = describe_clustering(noise, noise + 1, noise + 1, noise)
    assert result['noise_share'] == 1 and result['clusters'] == 0
    for name in ('camera_purity', 'stability', 'nmi', 'size_max'):
        assert math.isnan(result[name]), name


def test_refuses_other_lengths():
    with pytest.raises(ValueError, match=r'camids: expected shape \(3,\)'):
        describe_clustering(np.zeros(3, int), camids=np.zeros(2, int))
