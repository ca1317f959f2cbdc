import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from mmreidmix.pseudo_labels import (
    jaccard_graph,
    k_reciprocal_encoding,
    knn,
)

from .oracles import blobs, dense_encoding, dense_jaccard, quick, unit


def encode(features, k1, k2, **options):
    indices, sims = knn(features, max(k1, k2))
    return k_reciprocal_encoding(indices, sims, features, k1, k2, **options)


@quick
@given(num=st.integers(1, 90), k1=st.integers(1, 20), k2=st.integers(1, 7),
       seed=st.integers(0, 999), noise=st.floats(0.1, 1.0))
def test_encoding_equals_dense_definition(num, k1, k2, seed, noise):
    features = unit(blobs(num, seed=seed, noise=noise)[0])
    ranks = knn(features, max(k1, k2))[0].tolist()
    encoding = encode(features, k1, k2)
    assert encoding.dtype == np.float32 and encoding.has_sorted_indices
    np.testing.assert_allclose(
        encoding.toarray(), dense_encoding(features, ranks, k1, k2),
        atol=1e-6)
    np.testing.assert_allclose(encoding.sum(axis=1), 1, atol=1e-5)


@quick
@given(num=st.integers(1, 300), seed=st.integers(0, 999),
       radius=st.floats(0.05, 0.95), kernel=st.sampled_from(
           ['numba', 'numpy']))
def test_graph_equals_dense_definition(num, seed, radius, kernel):
    encoding = encode(unit(blobs(num, seed=seed)[0]), 12, 4)
    dense = dense_jaccard(encoding.toarray())
    graph = jaccard_graph(encoding, radius, kernel=kernel)
    found = np.full((num, num), np.inf)
    coo = graph.tocoo()
    found[coo.row, coo.col] = coo.data
    off = ~np.eye(num, dtype=bool)
    assert not np.isfinite(np.diag(found)).any()
    inside = off & (dense < radius - 1e-5)
    outside = off & (dense > radius + 1e-5)
    assert np.isfinite(found[inside]).all()
    assert not np.isfinite(found[outside]).any()
    np.testing.assert_allclose(found[inside], dense[inside], atol=1e-5)
    assert abs(graph - graph.T).nnz == 0


def test_kernels_agree():
    encoding = encode(unit(blobs(250, seed=8)[0]), 20, 6)
    fast = jaccard_graph(encoding, 0.7)
    plain = jaccard_graph(encoding, 0.7, kernel='numpy')
    assert fast.nnz > 250
    np.testing.assert_array_equal(fast.indptr, plain.indptr)
    np.testing.assert_array_equal(fast.indices, plain.indices)
    np.testing.assert_allclose(fast.data, plain.data, atol=1e-6)


def test_hand_computed_distances():
    rows = np.array([[1, 0, 0, 0], [.5, .5, 0, 0], [0, .25, .75, 0],
                     [0, 0, 0, 1]], np.float32)
    graph = jaccard_graph(sparse.csr_matrix(rows), 0.9)
    # Shared .5: 1 - .5 / 1.5; shared .25: 1 - .25 / 1.75.
    np.testing.assert_allclose(
        graph.toarray(),
        [[0, 2 / 3, 0, 0], [2 / 3, 0, 6 / 7, 0], [0, 6 / 7, 0, 0],
         [0, 0, 0, 0]], rtol=1e-6)
    assert jaccard_graph(sparse.csr_matrix(rows), 0.7).nnz == 2


def test_zero_distances_stay_explicit_and_stored_zeros_are_harmless():
    rows = sparse.csr_matrix(
        (np.array([1, 0, 1, 0], np.float32), [0, 1, 0, 1], [0, 2, 4]),
        shape=(2, 2))
    graph = jaccard_graph(rows, 0.5)
    assert graph.nnz == 2 and graph.indices.tolist() == [1, 0]
    assert graph.data.tolist() == [0, 0]
    assert rows.nnz == 4  # the input is left as it was


def test_threads_change_nothing():
    features = unit(blobs(2500, dim=16, seed=2)[0])  # several ranges of rows
    results = []
    for threads in (1, 3):
        encoding = encode(features, 10, 3, threads=threads)
        graph = jaccard_graph(encoding, 0.6, threads=threads)
        results.append((encoding, graph))
    for one, three in zip(*results):
        np.testing.assert_array_equal(one.indptr, three.indptr)
        np.testing.assert_array_equal(one.indices, three.indices)
        np.testing.assert_array_equal(one.data, three.data)


def test_no_images():
    encoding = encode(np.empty((0, 4), np.float32), 5, 2)
    assert encoding.shape == (0, 0)
    assert jaccard_graph(encoding, 0.5).shape == (0, 0)


def test_short_neighbour_lists_are_refused():
    features = unit(blobs(20)[0])
    indices, sims = knn(features, 5)
    with pytest.raises(ValueError, match='k1=6: .* only 5 images'):
        k_reciprocal_encoding(indices, sims, features, 6, 2)
    with pytest.raises(ValueError, match='k2=0: expected at least 1'):
        k_reciprocal_encoding(indices, sims, features, 5, 0)


@pytest.mark.parametrize('option, message', [
    ({'radius': 1.0}, r'radius=1.0: .*\(0, 1\)'),
    ({'radius': 0.0}, r'radius=0.0: .*\(0, 1\)'),
    ({'radius': 0.5, 'kernel': 'c'}, "'numba' or 'numpy'"),
    ({'radius': 0.5, 'max_pairs': 100}, 'probably collapsed')])
def test_graph_refuses(option, message):
    encoding = sparse.csr_matrix(np.tile(np.float32([1, 0]), (50, 1)))
    encoding.resize((50, 50))
    with pytest.raises(ValueError, match=message):
        jaccard_graph(encoding, **option)
