import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.pseudo_labels import (
    FINCH,
    JaccardDBSCAN,
    KMeans,
    PseudoLabelResult,
    cluster_per_group,
    renumber,
)
from tests.oracles import blobs, quick

SMALL = JaccardDBSCAN(k1=8, k2=3, eps=0.5, min_samples=3, criteria=None)
CLUSTERERS = [SMALL, FINCH(), FINCH(level=0), KMeans(1)]


@quick
@given(num=st.integers(0, 150), count=st.integers(1, 12),
       seed=st.integers(0, 999), which=st.sampled_from(CLUSTERERS))
def test_equals_a_loop_over_groups(num, count, seed, which):
    rng = np.random.default_rng(seed)
    features = blobs(num, seed=seed)[0] if num else np.empty((0, 8), 'f4')
    groups = rng.integers(-2, count, num)  # groups of 0, 1, ... images
    labels = cluster_per_group(features, groups, which)
    assert labels.dtype == np.int64 and labels.shape == (num, )
    np.testing.assert_array_equal(labels, renumber(labels))
    for group in np.unique(groups):
        own = np.flatnonzero(groups == group)
        np.testing.assert_array_equal(renumber(labels[own]),
                                      which(features[own]).labels)
    for label in set(labels[labels >= 0]):
        assert len(set(groups[labels == label])) == 1


def test_copies_of_one_person_in_two_videos_stay_apart():
    features = np.tile(blobs(12, per=6, noise=.1)[0], (2, 1))
    together = FINCH()(features).labels
    assert together[0] == together[12]
    labels = cluster_per_group(features, np.repeat(['b', 'a'], 12), FINCH())
    assert not set(labels[:12]) & set(labels[12:])
    np.testing.assert_array_equal(labels[:12],
                                  labels[12:] - labels[:12].max() - 1)


def test_smaller_groups_than_k1():
    rng = np.random.default_rng(0)
    pids = np.repeat([0, 1], 6)
    features = rng.normal(size=(2, 64))[pids] + .1 * rng.normal(size=(12, 64))
    clusterer = JaccardDBSCAN(k1=30, k2=3, eps=.5, criteria=None)
    # 12 images, of which 6 + 6 are alike; a pair; a single image.
    groups = np.array([0] * 12 + [1, 1, 2])
    features = np.concatenate([features, features[:3]])
    labels = cluster_per_group(features, groups, clusterer)
    assert labels.tolist() == [0] * 6 + [1] * 6 + [-1] * 3


def test_any_function_and_noise():
    def clusterer(features):
        return np.where(features[:, 0] > 1, 5, -3)

    features = np.float32([[2], [1], [2], [2], [1]])
    labels = cluster_per_group(features, [7, 7, 3, 7, 3], clusterer)
    assert labels.tolist() == [0, -1, 1, 0, -1]


def test_the_clusterer_sees_each_group_once_in_order():
    seen = []

    def clusterer(features):
        seen.append(features[:, 0].tolist())
        labels = np.zeros(len(features), int)
        return PseudoLabelResult(labels, labels)

    features = np.arange(1, 7, dtype=np.float32)[:, None]
    labels = cluster_per_group(features, [2, 1, 2, 1, 1, 0], clusterer)
    assert seen == [[6], [2, 4, 5], [1, 3]]
    assert labels.tolist() == [0, 1, 0, 1, 1, 2]


@pytest.mark.parametrize('value', [0, np.nan, np.inf])
def test_bad_vectors_are_named_by_their_index_among_all(value):
    features = blobs(20)[0]
    features[[13, 16]] = value
    with pytest.raises(ValueError, match=r'group v1 \(10 images\): features '
                       'of 2 images .* indices 13, 16$'):
        cluster_per_group(features, np.repeat(['v0', 'v1'], 10), FINCH())


def test_refuses():
    features = blobs(6)[0]
    with pytest.raises(ValueError, match=r'groups: expected shape \(6,\)'):
        cluster_per_group(features, np.zeros(5, int), FINCH())
    with pytest.raises(ValueError, match=r'group 4 \(2 images\): '
                       'num_clusters=3: there are only 2 images'):
        cluster_per_group(features, [1, 1, 1, 1, 4, 4], KMeans(3))
    with pytest.raises(ValueError, match=r'group 0 .* shape \(1,\)'):
        cluster_per_group(features, np.zeros(6, int), lambda f: np.zeros(1))
