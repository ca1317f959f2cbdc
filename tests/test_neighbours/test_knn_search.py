import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.neighbours import (
    exact_search as exact,
)
from mmreidmix.neighbours import (
    knn,
    normalise_rows,
)
from mmreidmix.neighbours import (
    reduced_precision as reduced,
)
from mmreidmix.neighbours.exact_search import topk_search
from mmreidmix.neighbours.similarity import SearchTask
from tests.oracles import blobs, dense_knn, quick, unit

BACKENDS = st.sampled_from(['torch', 'faiss'])


@pytest.fixture(params=[False, True], ids=['float32', 'bfloat16'])
def half(request, monkeypatch):
    """Both number formats of the products, whatever the processor likes."""
    monkeypatch.setattr(reduced, 'bfloat16_is_fast', lambda: request.param)


def assert_dense(features, k, **options):
    indices, sims = knn(features, k, **options)
    expected, expected_sims = dense_knn(
        np.asarray(features), min(k, len(features)))
    assert indices.dtype == np.int32 and sims.dtype == np.float32
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(sims, expected_sims)


@quick
@given(num=st.integers(1, 150), k=st.integers(1, 25), seed=st.integers(0, 99),
       backend=BACKENDS, float16=st.booleans(), half=st.booleans())
def test_knn_equals_sorting_all_pairs(num, k, seed, backend, float16, half):
    features = unit(blobs(num, seed=seed)[0])
    if float16:
        features = features.astype(np.float16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, 'bfloat16_is_fast', lambda: half)
        assert_dense(features, k, backend=backend)


# Many exact ties: 12 directions for 300 images.
TIES = unit(np.random.default_rng(0).integers(-1, 2, (300, 3)) +
            np.float32(0.5))
SPREAD = unit(blobs(300, dim=40, seed=3)[0])
SETS = [(each, dense_knn(each, 10)[0]) for each in (TIES, SPREAD)]


@quick
@given(images=st.sampled_from(SETS), block=st.integers(1, 320),
       threads=st.integers(1, 3), columns=st.integers(60, 400),
       half=st.booleans(), backend=BACKENDS)
def test_knn_is_independent_of_block_threads_and_backend(
        images, block, threads, columns, half, backend):
    features, expected = images
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduced, 'bfloat16_is_fast', lambda: half)
        patch.setattr(exact, 'COLUMNS', columns)
        indices, _ = knn(features, 10, block=block, threads=threads,
                         backend=backend)
    np.testing.assert_array_equal(indices, expected)


@quick
@given(features=st.sampled_from([TIES, SPREAD]), backend=BACKENDS,
       ends=st.lists(st.integers(0, 300), max_size=4))
def test_ranges_of_rows_make_up_the_whole(features, backend, ends):
    whole = knn(features, 8, backend=backend)
    ends = [0, *sorted(ends), 300]
    parts = [knn(features, 8, backend=backend, rows=part)
             for part in zip(ends, ends[1:])]
    for expected, part in zip(whole, zip(*parts)):
        np.testing.assert_array_equal(np.concatenate(part), expected)


@pytest.mark.parametrize('dtype', [np.float32, np.float16])
@pytest.mark.filterwarnings('error')
def test_read_only_memory_map(tmp_path, dtype):
    features = unit(blobs(120)[0]).astype(dtype)
    features.tofile(tmp_path / 'features')
    mapped = np.memmap(tmp_path / 'features', dtype, 'r', shape=(120, 8))
    assert_dense(mapped, 7)
    assert_dense(mapped, 7, backend='faiss')


def test_tensors_of_other_types():
    features = torch.from_numpy(unit(blobs(90)[0]))
    for other in (features.half(), features.requires_grad_()):
        expected, _ = dense_knn(other.detach().numpy(), 6)
        np.testing.assert_array_equal(knn(other, 6)[0], expected)
    np.testing.assert_array_equal(
        knn(features.detach().double(), 6)[0], expected)


@pytest.mark.parametrize('step', [3e-2, 3e-4, 3e-6])
def test_near_ties_below_product_accuracy(half, step):
    # At 3e-4 the similarities differ by about one float32 step.
    rng = np.random.default_rng(1)
    assert_dense(unit(1 + step * rng.normal(size=(600, 64))), 12)


def test_clusters_of_near_ties_beside_others(half):
    # The mean lies far from each cluster, so that only the bound helps.
    rng = np.random.default_rng(2)
    centres = np.repeat(np.eye(3, 64), 200, axis=0)
    features = unit(centres + 1e-5 * rng.normal(size=(600, 64)))
    for backend in ('torch', 'faiss'):
        assert_dense(features, 5, backend=backend)


@quick
@given(num=st.integers(1, 60), k=st.integers(1, 12), block=st.integers(1, 9),
       backend=BACKENDS)
def test_search_of_whole_sorted_products(num, k, block, backend):
    # The way a GPU is searched.
    features = unit(blobs(num, dim=3)[0])
    k = min(k, num)
    indices, sims = topk_search(
        SearchTask(features, np.arange(num), num, k, block),
        torch.from_numpy(features), backend)
    expected, expected_sims = dense_knn(features, k)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(sims, expected_sims)


@pytest.mark.parametrize('wide', [1, 60, 4096])
def test_search_of_whole_sorted_products_with_near_ties(monkeypatch, wide):
    monkeypatch.setattr(exact, '_MAX_CANDIDATES', wide)
    features = np.concatenate([SPREAD, np.repeat(SPREAD[:2], 50, axis=0)])
    indices, _ = topk_search(
        SearchTask(features, np.arange(len(features)), 350, 5),
        torch.from_numpy(features), 'torch')
    np.testing.assert_array_equal(indices, dense_knn(features, 5)[0][:350])


def test_self_first_among_more_duplicates_than_k():
    features = np.tile(unit(np.ones((1, 4))), (50, 1))
    indices, _ = knn(features, 5)
    np.testing.assert_array_equal(indices[0], [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(indices[40], [40, 0, 1, 2, 3])


@pytest.mark.parametrize('backend', ['torch', 'faiss', 'ivf', 'hnsw'])
def test_identical_features_cost_no_comparison_of_all(backend):
    features = np.tile(unit(np.ones((1, 4))), (100_000, 1))
    indices, sims = knn(features, 3, backend=backend)
    np.testing.assert_array_equal(indices[[0, 1, 2, 99_999]], [
        [0, 1, 2], [1, 0, 2], [2, 0, 1], [99_999, 0, 1]])
    assert (indices[2:, 1:] == [0, 1]).all()
    assert (sims == sims[0, 0]).all()


@quick
@given(num=st.integers(1, 60), points=st.integers(1, 4),
       k=st.integers(1, 12), ends=st.tuples(st.integers(0, 60),
                                            st.integers(0, 60)))
def test_more_duplicates_than_neighbours(num, points, k, ends):
    rng = np.random.default_rng(num)
    features = unit(rng.normal(size=(points, 3)))[rng.integers(0, points,
                                                               num)]
    assert_dense(features, k)
    first, last = sorted(min(end, num) for end in ends)
    expected, _ = dense_knn(features, min(k, num))
    np.testing.assert_array_equal(
        knn(features, k, rows=(first, last))[0], expected[first:last])


def test_reduced_matmul_precision_changes_nothing():
    features = unit(blobs(150, seed=4)[0])
    expected, _ = knn(features, 8)
    torch.set_float32_matmul_precision('medium')
    try:
        indices, _ = knn(features, 8)
    finally:
        torch.set_float32_matmul_precision('highest')
    np.testing.assert_array_equal(indices, expected)


def test_fewer_images_than_k(caplog):
    with caplog.at_level(logging.INFO):
        indices, sims = knn(unit(blobs(4)[0]), 10)
    assert indices.shape == sims.shape == (4, 4)
    assert 'only 4 images for k=10' in caplog.text


def test_no_image_and_one_image():
    assert knn(np.empty((0, 8), np.float32), 3)[0].shape == (0, 0)
    assert knn(unit(blobs(5)[0]), 3, rows=(2, 2))[1].shape == (0, 3)
    indices, sims = knn(np.array([[0.6, 0.8]], np.float32), 3)
    assert indices.tolist() == [[0]]
    np.testing.assert_allclose(sims, [[1]], rtol=1e-6)


@pytest.mark.parametrize('option, message', [
    ({'k': 0}, 'k must be an integer of at least 1, got 0'),
    ({'k': 2, 'block': 0}, 'block must be an integer of at least 1, got 0'),
    ({'k': 2, 'backend': 'annoy'},
     "backend must be one of 'torch', 'faiss', 'ivf'"),
    ({'k': 2, 'options': {'nlist': 3}}, "backend 'torch' has none"),
    ({'k': 2, 'rows': (2, 6)}, 'first <= last <= 5'),
    ({'k': 2, 'rows': (3, 2)}, 'first <= last <= 5')])
def test_knn_refuses_options(option, message):
    with pytest.raises(ValueError, match=message):
        knn(unit(blobs(5)[0]), **option)


def test_knn_names_vectors_that_are_not_unit():
    features = unit(blobs(9)[0])
    features[3] *= 2
    features[7] = np.nan
    with pytest.raises(ValueError, match=r'2 vectors .* indices 3, 7;'):
        knn(features, 2)


@pytest.mark.parametrize('value, message', [
    (np.nan, 'NaN or infinity: indices 2, 5'),
    (np.inf, 'NaN or infinity: indices 2, 5'),
    (0, 'zero vectors.* indices 2, 5')])
def test_normalise_names_bad_vectors(value, message):
    features = blobs(8)[0]
    features[[2, 5]] = value
    with pytest.raises(ValueError, match=message):
        normalise_rows(features)


def test_normalise_shortens_long_lists_of_bad_vectors():
    with pytest.raises(ValueError, match='0, 1, 2, 3, 4 and 3 more'):
        normalise_rows(np.zeros((8, 2), np.float32))


@pytest.mark.parametrize('features', [
    np.ones(3, np.float32), np.ones((2, 3), np.int64),
    np.ones((2, 0), np.float32)])
def test_normalise_refuses_other_arrays(features):
    with pytest.raises(ValueError, match='features: '):
        normalise_rows(features)


@pytest.mark.parametrize('scale', [1e-30, 1, 1e30])
def test_normalise_keeps_input_and_handles_any_scale(scale):
    features = blobs(6)[0]
    scaled = features * np.float32(scale)
    before = scaled.copy()
    result = normalise_rows(torch.from_numpy(scaled)).numpy()
    np.testing.assert_allclose(result, unit(features), atol=2e-7)
    np.testing.assert_array_equal(scaled, before)


@pytest.mark.parametrize('dtype', [np.float16, np.float32])
def test_normalise_from_map_to_map_block_by_block(tmp_path, monkeypatch,
                                                  dtype):
    from mmreidmix.neighbours import numba_kernels
    monkeypatch.setattr(numba_kernels, '_CACHED_BYTES', 4 * 8 * 7)
    features = blobs(50)[0].astype(dtype)
    features.tofile(tmp_path / 'in')
    source = np.memmap(tmp_path / 'in', dtype, 'r', shape=(50, 8))
    out = np.memmap(tmp_path / 'out', dtype, 'w+', shape=(50, 8))
    assert normalise_rows(source, out) is out
    np.testing.assert_array_equal(
        out, normalise_rows(features).numpy().astype(dtype))
    features[[9, 30]] = 0
    with pytest.raises(ValueError, match='zero vectors.* indices 9, 30'):
        normalise_rows(features, features)


def test_normalise_refuses_other_shape_of_out():
    with pytest.raises(ValueError, match=r'out: expected shape \(6, 8\)'):
        normalise_rows(blobs(6)[0], np.empty((5, 8), np.float32))
