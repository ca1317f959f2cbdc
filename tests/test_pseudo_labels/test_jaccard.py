import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial.distance import cdist

from mmreidmix.neighbours import k_reciprocal_encoding, knn
from mmreidmix.neighbours.sparse_rows import mirrored
from mmreidmix.pseudo_labels import jaccard_graph
from mmreidmix.pseudo_labels.jaccard import _clean
from tests.oracles import blobs, dense_encoding, dense_jaccard, quick, unit


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


def assert_alike(one, other):
    """Same entries at the same places."""
    np.testing.assert_array_equal(one.indptr, other.indptr)
    np.testing.assert_array_equal(one.indices, other.indices)
    np.testing.assert_allclose(one.data, other.data, atol=1e-6)


@quick
@given(num=st.integers(1, 200), k1=st.integers(1, 25), k2=st.integers(1, 7),
       seed=st.integers(0, 999), radius=st.floats(0.1, 0.95),
       half=st.booleans())
def test_compiled_kernels_equal_their_plain_twins(num, k1, k2, seed, radius,
                                                  half):
    features = unit(blobs(num, seed=seed)[0])
    features = features.astype(np.float16 if half else np.float32)
    fast, plain = (encode(features, k1, k2, kernel=kernel)
                   for kernel in ('numba', 'numpy'))
    assert plain.dtype == np.float32 and plain.has_sorted_indices
    assert_alike(fast, plain)
    dense = dense_jaccard(fast.toarray())
    assume((abs(dense - radius) > 1e-6).all())
    assert_alike(jaccard_graph(fast, radius),
                 jaccard_graph(fast, radius, kernel='numpy'))


def test_two_thousand_images_equal_the_dense_definition():
    features = unit(blobs(2000, dim=24, seed=8, noise=.5)[0])
    lists = knn(features, 30)
    encoding = k_reciprocal_encoding(*lists, features)
    assert_alike(encoding, k_reciprocal_encoding(*lists, features,
                                                 kernel='numpy'))
    dense = dense_encoding(features, lists[0].tolist(), 30, 6)
    np.testing.assert_allclose(encoding.toarray(), dense, atol=1e-6)
    graph = jaccard_graph(encoding, 0.7)
    assert graph.nnz > 4000
    assert_alike(graph, jaccard_graph(encoding, 0.7, kernel='numpy'))
    # sum min(a, b) = 1 - |a - b| / 2 for rows that sum to 1.
    rows = slice(0, None, 7)
    shared = 1 - cdist(dense[rows], dense, 'cityblock') / 2
    distance = 1 - shared / (2 - shared)
    found = graph[rows].toarray()
    near = found > 0
    np.testing.assert_allclose(found[near], distance[near], atol=1e-5)
    outside = ~near & (distance > 1e-5)  # neither itself nor a duplicate
    assert distance[outside].min() > 0.7 - 1e-5


def test_float16_and_memory_maps_are_read_in_place(tmp_path):
    features = unit(blobs(200, seed=4)[0]).astype(np.float16)
    np.save(tmp_path / 'f.npy', features)
    stored = np.load(tmp_path / 'f.npy', mmap_mode='r')
    lists = knn(stored, 12)
    found = k_reciprocal_encoding(*lists, stored, 12, 3)
    exact = features.astype(np.float32)
    expected = k_reciprocal_encoding(*lists, exact, 12, 3)
    np.testing.assert_array_equal(found.toarray(), expected.toarray())


def test_mirrored_takes_places_of_32_and_of_64_bits():
    upper = sparse.csr_matrix(np.float32([[0, 1, 2], [0, 0, 3], [0, 0, 0]]))
    upper.indptr = upper.indptr.astype(np.int32)
    for kernel in ('numba', 'numpy'):
        both = mirrored(upper, kernel)
        np.testing.assert_array_equal(
            both.toarray(), [[0, 1, 2], [1, 0, 3], [2, 3, 0]])
    # Index arrays of 64 bits, as SciPy has them beyond 2^31 entries.
    upper.indptr, upper.indices = (upper.indptr.astype(np.int64),
                                   upper.indices.astype(np.int64))
    for kernel in ('numba', 'numpy'):
        np.testing.assert_array_equal(
            mirrored(upper, kernel).toarray(), both.toarray())


def test_a_clean_encoding_is_not_copied_and_another_not_changed():
    encoding = encode(unit(blobs(50, seed=5)[0]), 10, 3)
    assert _clean(encoding) is encoding
    odd = encoding.astype(np.float64)
    odd.data[3] = 0
    cleaned = _clean(odd)
    assert cleaned.dtype == np.float32 and cleaned.nnz == odd.nnz - 1
    assert odd.data[3] == 0


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
    with pytest.raises(ValueError, match='k1=6, .* only 5 images'):
        k_reciprocal_encoding(indices, sims, features, 6, 2)
    with pytest.raises(ValueError, match='k2 must be an integer .* got 0'):
        k_reciprocal_encoding(indices, sims, features, 5, 0)


@pytest.mark.parametrize('change, message', [
    ({'sims': np.ones((20, 4))}, 'do not belong'),
    ({'features': np.ones((19, 8), np.float32)}, 'do not belong'),
    ({'features': np.ones((20, 8))}, 'float32 or float16, got float64'),
    ({'kernel': 'c'}, "kernel must be one of 'numba', 'numpy', got 'c'")])
def test_encoding_refuses(change, message):
    features = unit(blobs(20)[0])
    indices, sims = knn(features, 5)
    arguments = {'sims': sims, 'features': features, 'k1': 5, 'k2': 2}
    with pytest.raises(ValueError, match=message):
        k_reciprocal_encoding(indices, **{**arguments, **change})


@pytest.mark.parametrize('option, message', [
    ({'radius': 1.0}, r'radius=1.0: .*\(0, 1\)'),
    ({'radius': 0.0}, r'radius=0.0: .*\(0, 1\)'),
    ({'radius': 0.5, 'kernel': 'c'}, "one of 'numba', 'numpy', got 'c'"),
    ({'radius': 0.5, 'max_pairs': 100}, 'probably collapsed')])
def test_graph_refuses(option, message):
    encoding = sparse.csr_matrix(np.tile(np.float32([1, 0]), (50, 1)))
    encoding.resize((50, 50))
    with pytest.raises(ValueError, match=message):
        jaccard_graph(encoding, **option)
