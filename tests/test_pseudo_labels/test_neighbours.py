import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.pseudo_labels import knn, normalise

from .oracles import blobs, dense_knn, quick, unit


@quick
@given(num=st.integers(1, 120), k=st.integers(1, 25), seed=st.integers(0, 99),
       backend=st.sampled_from(['torch', 'faiss']))
def test_knn_equals_sorting_all_pairs(num, k, seed, backend):
    features = unit(blobs(num, seed=seed)[0])
    indices, sims = knn(features, k, backend=backend)
    expected, expected_sims = dense_knn(features, min(k, num))
    assert indices.dtype == np.int32 and sims.dtype == np.float32
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(sims, expected_sims)


@quick
@given(block=st.integers(1, 90), threads=st.integers(1, 3),
       backend=st.sampled_from(['torch', 'faiss']))
def test_knn_is_independent_of_block_threads_and_backend(
        block, threads, backend):
    # Many exact ties: 12 directions for 300 images.
    features = unit(np.random.default_rng(0).integers(-1, 2, (300, 3)) +
                    np.float32(0.5))
    expected, _ = dense_knn(features, 10)
    indices, _ = knn(features, 10, block=block, threads=threads,
                     backend=backend)
    np.testing.assert_array_equal(indices, expected)


def test_near_ties_below_float32_product_accuracy():
    # 200 images whose similarities differ by about one float32 step.
    rng = np.random.default_rng(1)
    features = unit(1 + 3e-4 * rng.normal(size=(200, 64)))
    indices, sims = knn(features, 12)
    expected, expected_sims = dense_knn(features, 12)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(sims, expected_sims)


def test_self_first_among_more_duplicates_than_k():
    features = np.tile(unit(np.ones((1, 4))), (50, 1))
    indices, _ = knn(features, 5)
    np.testing.assert_array_equal(indices[0], [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(indices[40], [40, 0, 1, 2, 3])


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
    indices, sims = knn(np.array([[0.6, 0.8]], np.float32), 3)
    assert indices.tolist() == [[0]]
    np.testing.assert_allclose(sims, [[1]], rtol=1e-6)


@pytest.mark.parametrize('option, message', [
    ({'k': 0}, 'k=0: expected'), ({'k': 2, 'block': 0}, 'block=0: expected'),
    ({'k': 2, 'backend': 'annoy'}, "'torch' or 'faiss'")])
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
        normalise(features)


def test_normalise_shortens_long_lists_of_bad_vectors():
    with pytest.raises(ValueError, match='0, 1, 2, 3, 4 and 3 more'):
        normalise(np.zeros((8, 2), np.float32))


@pytest.mark.parametrize('features', [
    np.ones(3, np.float32), np.ones((2, 3), np.int64),
    np.ones((2, 0), np.float32)])
def test_normalise_refuses_other_arrays(features):
    with pytest.raises(ValueError, match='features: '):
        normalise(features)


@pytest.mark.parametrize('scale', [1e-30, 1, 1e30])
def test_normalise_keeps_input_and_handles_any_scale(scale):
    features = blobs(6)[0]
    scaled = features * np.float32(scale)
    before = scaled.copy()
    result = normalise(torch.from_numpy(scaled)).numpy()
    np.testing.assert_allclose(result, unit(features), atol=2e-7)
    np.testing.assert_array_equal(scaled, before)
