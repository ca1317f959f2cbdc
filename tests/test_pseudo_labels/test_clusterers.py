import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

from mmreidmix.neighbours import knn, normalise_rows
from mmreidmix.pseudo_labels import (
    FINCH,
    CollapsedFeaturesError,
    JaccardDBSCAN,
    KMeans,
    renumber,
)
from tests.oracles import (
    blobs,
    dense_camera_encoding,
    dense_encoding,
    dense_jaccard,
    dense_knn,
    dense_reliable,
    quick,
    unit,
)

SMALL = {'k1': 8, 'k2': 3, 'eps': 0.5, 'eps_gap': 0.05, 'min_samples': 3,
         'min_size': 3}
INVARIANT = st.sampled_from([
    JaccardDBSCAN(**SMALL), FINCH(), FINCH(level=0, min_size=3),
    FINCH(num_clusters=4)])
EVERY = [JaccardDBSCAN(), FINCH(), FINCH(num_clusters=1), KMeans(1)]


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
@given(num=st.integers(2, 120), seed=st.integers(0, 999),
       k1_intra=st.integers(0, 6), num_cameras=st.integers(1, 4))
def test_cameras_are_told_apart_as_in_the_dense_form(num, seed, k1_intra,
                                                     num_cameras):
    features = blobs(num, seed=seed)[0]
    cameras = np.random.default_rng(seed).integers(0, num_cameras, num)
    result = JaccardDBSCAN(
        k1=8, k2=3, k1_intra=k1_intra, eps=0.5, min_samples=3,
        criteria=None)(features, cameras=cameras)
    dense = dense_jaccard(dense_camera_encoding(
        unit(features), cameras, 8, 3, k1_intra, min(k1_intra, 2)))
    assume((abs(dense - 0.5) > 1e-6).all())
    expected = renumber(DBSCAN(eps=0.5, min_samples=3, metric='precomputed')
                        .fit(dense).labels_)
    np.testing.assert_array_equal(result.clusters, expected)


def test_fewer_clusters_of_one_camera():
    features, pids = blobs(600, 24, 2, per=24)
    rng = np.random.default_rng(0)
    cameras = rng.integers(0, 4, 600)
    features += 0.8 * rng.normal(size=(4, 24))[cameras]
    options = dict(k1=15, k2=4, criteria=None)
    plain = JaccardDBSCAN(**options)(features).labels
    found = JaccardDBSCAN(**options, k1_intra=4)(
        features, cameras=cameras).labels
    assert adjusted_rand_score(pids, found) > adjusted_rand_score(
        pids, plain) + 0.1


def test_one_camera_alone_is_clustered_by_whole_lists():
    """Not by the few images of the own camera."""
    features, pids = blobs(600, 24, 2, per=24)
    options = dict(k2=4, criteria=None)
    plain = JaccardDBSCAN(**options, k1=16)(features).labels
    found = JaccardDBSCAN(**options, k1=15, k1_intra=3)(
        features, cameras=np.full(600, 7)).labels
    assert adjusted_rand_score(plain, found) > 0.98
    assert adjusted_rand_score(pids, found) > 0.98


def test_cameras_are_asked_for():
    with pytest.raises(ValueError, match='needs the cameras .* leave k1_in'):
        JaccardDBSCAN(k1_intra=5)(blobs(20)[0])


@quick
@given(seed=st.integers(0, 999), pipeline=INVARIANT)
def test_permutation_of_images_permutes_labels(seed, pipeline):
    features = blobs(120, seed=seed)[0]
    order = np.random.default_rng(seed).permutation(120)
    np.testing.assert_array_equal(
        renumber(pipeline(features).labels[order]),
        pipeline(features[order]).labels)


@quick
@given(seed=st.integers(0, 999), power=st.integers(-60, 60),
       pipeline=INVARIANT)
def test_scaling_changes_nothing(seed, power, pipeline):
    features = blobs(100, seed=seed)[0]
    scale = np.random.default_rng(seed).uniform(0.1, 10, (100, 1))
    scaled = (features * scale * 2.0**power).astype(np.float32)
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


@pytest.mark.parametrize('maker', [
    lambda **options: JaccardDBSCAN(**SMALL, **options),
    lambda **options: FINCH(num_clusters=250, **options)])
def test_several_ranges_of_rows_on_several_threads(maker):
    features = blobs(2600, dim=16, seed=2)[0]
    expected = maker(threads=1)(features)
    assert expected.labels.max() > 100
    for options in ({'threads': 2, 'block': 97}, {'threads': 3}):
        found = maker(**options)(features)
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.clusters, expected.clusters)


@pytest.mark.parametrize('backend', ['ivf', 'hnsw'])
def test_approximate_backends(backend):
    features, pids = blobs(800, dim=32, seed=3, noise=.2)
    exact = JaccardDBSCAN(**SMALL)(features).clusters
    found = JaccardDBSCAN(**SMALL, backend=backend)(features).clusters
    assert adjusted_rand_score(exact, found) > .98
    assert adjusted_rand_score(
        FINCH()(features).labels, FINCH(backend=backend)(features).labels
    ) > .98


def test_options_reach_the_approximate_backend():
    pipeline = JaccardDBSCAN(backend='ivf', backend_options={'lists': 3})
    with pytest.raises(ValueError, match=r"\['lists'\] unknown"):
        pipeline(blobs(300)[0])


@quick
@given(cuts=st.lists(st.integers(0, 120), max_size=4),
       pipeline=st.sampled_from([JaccardDBSCAN(**SMALL), FINCH()]))
def test_searching_in_parts_and_then_clustering_is_one_call(cuts, pipeline):
    features = blobs(120, seed=6)[0]
    points = normalise_rows(features)
    ends = [0, *sorted(cuts), 120]
    parts = [pipeline.search(points, rows) for rows in zip(ends, ends[1:])]
    lists = [np.concatenate(part) for part in zip(*parts)]
    found = pipeline.cluster(points.numpy(), *lists)
    np.testing.assert_array_equal(found.labels, pipeline(features).labels)


def test_unit_features_of_a_float16_memory_map(tmp_path):
    points = normalise_rows(blobs(200, seed=6)[0]).numpy().astype(np.float16)
    np.save(tmp_path / 'features.npy', points)
    stored = np.load(tmp_path / 'features.npy', mmap_mode='r')
    pipeline = JaccardDBSCAN(**SMALL)
    found = pipeline.cluster(stored, *pipeline.search(stored))
    widened = points.astype(np.float32)
    expected = pipeline.cluster(widened, *knn(widened, 8))
    assert expected.labels.max() > 5
    np.testing.assert_array_equal(found.labels, expected.labels)


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
    ({'k1': 0}, 'k1 must be an integer of at least 1, got 0'),
    ({'k2': 1.5}, 'k2 must be an integer of at least 1, got 1.5'),
    ({'min_samples': 0}, 'min_samples must be .* 1, got 0'),
    ({'min_size': 1}, 'min_size must be .* 2, got 1'),
    ({'block': 0}, 'block must be .* 1, got 0'),
    ({'threads': 0}, 'threads must be .* 1, got 0'),
    ({'eps': 1.0}, r'eps=1.0: .*\(0, 1\)'),
    ({'eps': 0.99}, r'eps_gap=0.02: .*\[0, 0.01\)'),
    ({'eps_gap': -0.1}, 'eps_gap=-0.1'),
    ({'indep_quantile': 2}, r'indep_quantile must be in \[0, 1\], got 2'),
    ({'backend': 'x'},
     "backend must be one of 'torch', 'faiss', 'ivf', 'hnsw', got 'x'"),
    ({'backend_options': {'nlist': 3}}, "backend 'torch' has none"),
    ({'k1': None}, 'k1 must be an integer of at least 1, got None'),
    ({'k1_intra': -1}, 'k1_intra must be an integer of at least 0, got -1'),
    ({'k1_intra': 1, 'k2_intra': 2}, r'k2_intra must be in \[0, 1\], got 2'),
    ({'k2_intra': 2}, 'k2_intra=2 does nothing without k1_intra'),
    ({'k1_intra': 5, 'backend': 'ivf'}, "backend='torch'.*got backend='ivf'"),
    ({'k1_intra': 5, 'expansion': 1}, 'without expansion.*expansion=1'),
    ({'max_pairs': 0}, 'max_pairs must be an integer of at least 1, got 0'),
    ({'criteria': ('x', )}, "criteria must be .*'quantity'.*, got .'x'"),
    ({'criteria': 'quantity'}, "criteria must be some of .*, got 'quantity'")])
def test_refuses_parameters(option, message):
    with pytest.raises(ValueError, match=message):
        JaccardDBSCAN(**option)


@pytest.mark.parametrize('pipeline', EVERY)
@pytest.mark.parametrize('value, message', [
    (np.nan, 'NaN or infinity: indices 4'), (0, 'zero vectors.* indices 4'),
    (-np.inf, 'NaN or infinity: indices 4')])
def test_names_bad_features(pipeline, value, message):
    features = blobs(10)[0]
    features[4] = value
    with pytest.raises(ValueError, match=message):
        pipeline(features)


@pytest.mark.parametrize('pipeline', EVERY)
def test_few_images_of_any_clusterer(pipeline):
    empty = pipeline(np.empty((0, 4), np.float32))
    assert empty.labels.shape == empty.clusters.shape == (0, )
    assert empty.labels.dtype == np.int64
    # A single image is no identity to train on.
    assert pipeline(np.ones((1, 4), np.float32)).labels.tolist() == [-1]
    for num in (2, 3, 7, 29):  # fewer images than k1
        labels = pipeline(blobs(num, seed=num)[0]).labels
        assert labels.shape == (num, )
        np.testing.assert_array_equal(labels, renumber(labels))


@pytest.mark.parametrize('pipeline', EVERY[1:])
def test_five_thousand_identical_features_are_one_cluster(pipeline):
    labels = pipeline(np.full((5000, 64), .3, np.float32)).labels
    assert labels.tolist() == [0] * 5000


def test_five_thousand_identical_features_are_refused():
    with pytest.raises(CollapsedFeaturesError, match='of 5000 images'):
        JaccardDBSCAN()(np.full((5000, 64), .3, np.float32))


@pytest.mark.parametrize('pipeline', [JaccardDBSCAN(**SMALL), FINCH()])
def test_nearly_identical_features_end(pipeline):
    noise = np.random.default_rng(0).normal(size=(1500, 16))
    labels = pipeline((1 + 1e-6 * noise).astype(np.float32)).labels
    np.testing.assert_array_equal(labels, renumber(labels))


@pytest.mark.parametrize('pipeline', [
    JaccardDBSCAN(k1=8, k2=3, min_samples=3, criteria=None), FINCH()])
def test_duplicates_are_never_parted(pipeline):
    features = blobs(60, seed=9)[0]
    labels = pipeline(np.concatenate([features, features, features])).labels
    np.testing.assert_array_equal(labels[:60], labels[60:120])
    np.testing.assert_array_equal(labels[:60], labels[120:])
    assert labels.max() > 2
