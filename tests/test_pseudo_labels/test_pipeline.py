import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from mmreidmix.pseudo_labels import JaccardDBSCAN, renumber

from .oracles import (
    blobs,
    dense_encoding,
    dense_jaccard,
    dense_knn,
    dense_reliable,
    quick,
    unit,
)

SMALL = {'k1': 8, 'k2': 3, 'eps': 0.5, 'eps_gap': 0.05, 'min_samples': 3,
         'min_size': 3}


@quick
@given(num=st.integers(2, 150), seed=st.integers(0, 999))
def test_equals_the_dense_pipeline(num, seed):
    features = blobs(num, seed=seed)[0]
    result = JaccardDBSCAN(**SMALL)(features)
    points = unit(features)
    ranks = dense_knn(points, 8)[0].tolist()
    dense = dense_jaccard(dense_encoding(points, ranks, 8, 3))
    # A distance on the radius itself falls to either side by rounding.
    assume(all((abs(dense - eps) > 1e-6).all() for eps in (0.45, 0.5, 0.55)))
    clusterings = [
        renumber(DBSCAN(eps=eps, min_samples=3, metric='precomputed').fit(
            dense).labels_) for eps in (0.5, 0.45, 0.55)]
    labels, alpha = dense_reliable(
        *clusterings, None, 0.9, 3,
        ('independence', 'compactness', 'quantity'))
    for found, expected in zip((result.clusters, result.tight, result.loose),
                               clusterings):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(result.labels, labels)
    assert result.alpha == alpha


@quick
@given(seed=st.integers(0, 999))
def test_permutation_of_images_permutes_labels(seed):
    features = blobs(120, seed=seed)[0]
    order = np.random.default_rng(seed).permutation(120)
    pipeline = JaccardDBSCAN(**SMALL)
    np.testing.assert_array_equal(
        renumber(pipeline(features).labels[order]),
        pipeline(features[order]).labels)


@quick
@given(seed=st.integers(0, 999), power=st.integers(-60, 60))
def test_scaling_changes_nothing(seed, power):
    features = blobs(100, seed=seed)[0]
    scale = np.random.default_rng(seed).uniform(0.1, 10, (100, 1))
    scaled = (features * scale * 2.0**power).astype(np.float32)
    pipeline = JaccardDBSCAN(**SMALL)
    np.testing.assert_array_equal(pipeline(features).labels,
                                  pipeline(scaled).labels)


@quick
@given(block=st.integers(1, 400), threads=st.integers(1, 3),
       backend=st.sampled_from(['torch', 'faiss']))
def test_block_threads_and_backend_change_nothing(block, threads, backend):
    features = blobs(300, seed=3)[0]
    expected = JaccardDBSCAN(**SMALL)(features)
    found = JaccardDBSCAN(**SMALL, block=block, threads=threads,
                          backend=backend)(torch.from_numpy(features))
    assert expected.labels.max() > 5
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.alpha == expected.alpha


def test_planted_identities_are_found():
    rng = np.random.default_rng(0)
    pids = np.repeat(np.arange(12), 10)
    features = rng.normal(size=(12, 64))[pids] + .3 * rng.normal(
        size=(120, 64))
    result = JaccardDBSCAN(k1=15)(features)
    np.testing.assert_array_equal(result.clusters, pids)
    assert set(result.seconds) == {'neighbours', 'encoding', 'jaccard',
                                   'clustering', 'reliability'}


def test_without_criteria_labels_are_those_of_dbscan():
    features = blobs(100, seed=1)[0]
    plain = JaccardDBSCAN(**{**SMALL, 'criteria': None})(features)
    np.testing.assert_array_equal(plain.labels,
                                  JaccardDBSCAN(**SMALL)(features).clusters)
    assert plain.tight is plain.loose is plain.alpha is None


def test_alpha_of_an_earlier_call_is_kept():
    features = blobs(100, seed=1)[0]
    result = JaccardDBSCAN(**SMALL)(features, alpha=0.125)
    assert result.alpha == 0.125


def test_degenerate_inputs():
    pipeline = JaccardDBSCAN()
    empty = pipeline(np.empty((0, 4), np.float32))
    assert empty.labels.shape == (0, ) and empty.alpha is None
    assert pipeline(np.ones((1, 4), np.float32)).labels.tolist() == [-1]
    # Fewer images than k1: two images, too few to be dense.
    assert pipeline(np.eye(2, dtype=np.float32)).labels.tolist() == [-1, -1]
    # All identical: one cluster.
    same = pipeline(np.ones((200, 4), np.float32))
    assert same.labels.tolist() == [0] * 200
    # Every image six times: each group a cluster of its own.
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 6)
    copies = JaccardDBSCAN(k1=6, k2=2)(rng.normal(size=(20, 16))[groups])
    np.testing.assert_array_equal(copies.labels, groups)


def test_collapsed_features_of_many_images_are_an_error():
    with pytest.raises(ValueError, match='max_pairs=2200000 of .* collapsed'):
        JaccardDBSCAN()(np.ones((2200, 4), np.float32))
    result = JaccardDBSCAN(max_pairs=10**7)(np.ones((2200, 4), np.float32))
    assert result.labels.tolist() == [0] * 2200


@pytest.mark.parametrize('option, message', [
    ({'k1': 0}, 'k1=0: expected an integer of at least 1'),
    ({'k2': 1.5}, 'k2=1.5: expected an integer'),
    ({'min_samples': 0}, 'min_samples=0'), ({'min_size': 1}, 'min_size=1'),
    ({'block': 0}, 'block=0'), ({'threads': 0}, 'threads=0'),
    ({'eps': 1.0}, r'eps=1.0: .*\(0, 1\)'),
    ({'eps': 0.99}, r'eps_gap=0.02: .*\[0, 0.01\)'),
    ({'eps_gap': -0.1}, 'eps_gap=-0.1'),
    ({'indep_quantile': 2}, r'indep_quantile=2: .*\[0, 1\]'),
    ({'backend': 'x'}, "'torch' or 'faiss'"),
    ({'criteria': ('x', )}, "criteria=.*'quantity'"),
    ({'criteria': 'quantity'}, "criteria='quantity'")])
def test_refuses_parameters(option, message):
    with pytest.raises(ValueError, match=message):
        JaccardDBSCAN(**option)


def test_names_bad_features():
    features = blobs(10)[0]
    features[4, 2] = np.nan
    with pytest.raises(ValueError, match='NaN or infinity: indices 4'):
        JaccardDBSCAN()(features)
