import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from mmreidmix.neighbours import knn
from mmreidmix.pseudo_labels import FINCH, finch, finch_partitions, renumber
from tests.oracles import blobs, quick, unit


def plain_partition(points):
    """Equation 1 as it reads, on a full matrix of links."""
    num = len(points)
    sims = points.astype(np.float64) @ points.T.astype(np.float64)
    np.fill_diagonal(sims, -np.inf)
    first = sims.argmax(1)
    reach = np.eye(num, dtype=bool)
    for i in range(num):
        for j in range(num):
            if first[i] == j or first[j] == i or first[i] == first[j]:
                reach[i, j] = True
    for _ in range(num.bit_length()):
        reach = reach.astype(int) @ reach > 0
    return renumber(reach.argmax(1))


def plain_means(features, labels):
    means = np.stack([features[labels == c].astype(np.float64).mean(0)
                      for c in range(labels.max() + 1)])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def plain_finch(features):
    levels = [plain_partition(features)]
    while levels[-1].max() > 0:
        joined = plain_partition(plain_means(features, levels[-1]))
        if joined.max() == 0:
            break
        levels.append(joined[levels[-1]])
    return levels


def plain_merge(features, labels, wanted):
    """Algorithm 2: everything anew after every joined pair."""
    while labels.max() + 1 > wanted:
        means = plain_means(features, labels)
        sims = means @ means.T
        np.fill_diagonal(sims, -np.inf)
        a, b = np.unravel_index(sims.argmax(), sims.shape)
        labels = renumber(np.where(labels == b, a, labels))
    return labels


@quick
@given(num=st.integers(2, 90), seed=st.integers(0, 999),
       noise=st.floats(0.1, 1.0))
def test_partitions_equal_the_definition(num, seed, noise):
    features = unit(blobs(num, seed=seed, noise=noise)[0])
    found, expected = finch_partitions(features), plain_finch(features)
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one, other)


@quick
@given(num=st.integers(6, 70), seed=st.integers(0, 999), data=st.data())
def test_wanted_number_of_clusters_equals_the_definition(num, seed, data):
    features = unit(blobs(num, seed=seed, noise=.7)[0])
    levels = plain_finch(features)
    wanted = data.draw(st.integers(1, int(levels[0].max()) + 1))
    start = [labels for labels in levels if labels.max() + 1 >= wanted][-1]
    np.testing.assert_array_equal(
        finch(features, num_clusters=wanted),
        plain_merge(features, start, wanted))


def test_planted_identities_are_found():
    features, pids = blobs(300, dim=64, seed=2, noise=.3)
    features = unit(features)
    count = len(np.unique(pids))
    assert adjusted_rand_score(pids, finch(features, num_clusters=count)) > .95


def test_levels():
    features = unit(blobs(200, seed=1)[0])
    levels = finch_partitions(features)
    assert len(levels) >= 3
    for finer, coarser in zip(levels, levels[1:]):
        assert coarser.max() < finer.max()
        pairs = np.unique(np.stack([finer, coarser]), axis=1)
        assert pairs.shape[1] == finer.max() + 1  # unions of clusters
    for level, place in ((0, 0), (1, 1), (99, -1), (-1, -1), (-2, -2),
                         (-99, 0)):
        np.testing.assert_array_equal(
            finch(features, level=level), levels[place])


def test_given_neighbours_save_the_search():
    features = unit(blobs(80, seed=1)[0])
    indices = knn(features, 5)[0]
    np.testing.assert_array_equal(
        finch(features, indices=indices), finch(features))
    with pytest.raises(ValueError, match=r'expected shape \(80, 2 or more\)'):
        finch(features, indices=indices[:, :1])


def test_a_vanishing_mean_is_its_first_image():
    # Two opposite pairs, at right angles: the means are zero vectors.
    features = np.float32([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    lists = np.array([[0, 1], [1, 0], [2, 3], [3, 2]])
    levels = finch_partitions(features, indices=lists)
    assert levels[0].tolist() == [0, 0, 1, 1]
    assert len(levels) == 1
    assert finch(features, indices=lists, num_clusters=1).tolist() == [0] * 4


def test_few_images():
    assert finch(np.empty((0, 3), np.float32)).shape == (0, )
    assert finch_partitions(np.empty((0, 3), np.float32)) == []
    one = np.float32([[1, 0]])
    assert finch(one).tolist() == [0]
    assert finch(one, num_clusters=1).tolist() == [0]
    assert finch(np.tile(one, (9, 1))).tolist() == [0] * 9


@pytest.mark.parametrize('wanted, message', [
    (0, 'num_clusters must be at least 1, got 0'),
    (30, 'num_clusters=30: the finest partition of 30 images has only')])
def test_refuses(wanted, message):
    with pytest.raises(ValueError, match=message):
        finch(unit(blobs(30)[0]), num_clusters=wanted)


@pytest.mark.parametrize('option, message', [
    ({'level': 0.5}, 'level=0.5: expected an integer'),
    ({'num_clusters': 0},
     'num_clusters must be an integer of at least 1, got 0'),
    ({'min_size': 0}, 'min_size must be .* 1, got 0'),
    ({'backend': 'x'}, "backend must be .*, got 'x'"),
    ({'threads': 0}, 'threads must be .* 1, got 0')])
def test_clusterer_refuses(option, message):
    with pytest.raises(ValueError, match=message):
        FINCH(**option)


def test_small_clusters_become_noise():
    features = blobs(120, seed=3)[0]
    result = FINCH(level=0, min_size=4)(features)
    sizes = np.bincount(result.clusters)
    assert sizes.min() < 4
    np.testing.assert_array_equal(result.labels < 0,
                                  sizes[result.clusters] < 4)
    assert set(result.seconds) == {'neighbours', 'clustering'}
