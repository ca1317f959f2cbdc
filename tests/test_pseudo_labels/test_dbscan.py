import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.cluster import DBSCAN

from mmreidmix.pseudo_labels import dbscan, renumber
from tests.oracles import quick


def graph_of(dense, radius):
    row, column = np.nonzero((dense <= radius) &
                             ~np.eye(len(dense), dtype=bool))
    return sparse.coo_matrix(
        (dense[row, column], (row, column)), shape=dense.shape).tocsr()


@quick
@given(num=st.integers(1, 300), seed=st.integers(0, 999),
       min_samples=st.integers(1, 7), share=st.floats(0.0, 0.08))
def test_equals_scikit_learn_on_the_dense_matrix(num, seed, min_samples,
                                                 share):
    rng = np.random.default_rng(seed)
    # A plane, where borders between clusters are common; whole numbers, so
    # that ties and zero distances are too.
    points = rng.integers(0, 40, (num, 2))
    dense = np.abs(points[:, None] - points[None]).sum(-1) / 80
    eps = share
    graph = graph_of(dense, 0.1)
    expected = DBSCAN(eps=max(eps, 1e-9), min_samples=min_samples,
                      metric='precomputed').fit(dense).labels_
    np.testing.assert_array_equal(dbscan(graph, eps, min_samples),
                                  renumber(expected))


def test_border_image_joins_the_cluster_of_the_lowest_core():
    # On a line: a left and a right group, and at 6.0 an image both reach. The
    # right one holds image 0, but its first *core* image comes later.
    points = np.array([12.85, 6.0, 3.0, 2.0, 2.1, 2.2, 2.3, 9.0, 9.7, 9.8,
                       9.9, 10.0])
    dense = np.abs(points[:, None] - points[None])
    labels = dbscan(graph_of(dense, 4), 3.0, 5)
    expected = DBSCAN(eps=3.0, min_samples=5,
                      metric='precomputed').fit(dense).labels_
    np.testing.assert_array_equal(labels, renumber(expected))
    assert labels[1] == labels[2] == 1 and labels[0] == labels[7] == 0


def test_an_image_counts_itself_and_the_diagonal_does_not_matter():
    graph = sparse.csr_matrix(np.float32([[0, .1, 0], [.1, 0, 0], [0, 0, 0]]))
    assert dbscan(graph, 0.1, 2).tolist() == [0, 0, -1]
    assert dbscan(graph, 0.1, 3).tolist() == [-1, -1, -1]
    assert dbscan(graph, 0.1, 1).tolist() == [0, 0, 1]
    with_diagonal = (graph + sparse.diags_array([.01] * 3)).tocsr()
    assert dbscan(with_diagonal, 0.1, 3).tolist() == [-1, -1, -1]


def test_no_images():
    assert dbscan(sparse.csr_matrix((0, 0)), 0.5, 2).shape == (0, )


@pytest.mark.parametrize('eps, min_samples, message', [
    (-0.1, 2, 'eps must be at least 0, got -0.1'),
    (float('nan'), 2, 'eps must be at least 0, got nan'),
    (0.5, 0, 'min_samples must be at least 1, got 0')])
def test_refuses(eps, min_samples, message):
    with pytest.raises(ValueError, match=message):
        dbscan(sparse.csr_matrix((2, 2)), eps, min_samples)


def test_renumber():
    labels = renumber(np.array([7, -1, 3, 7, -5, 3, 0]))
    assert labels.tolist() == [0, -1, 1, 0, -1, 1, 2]
    assert labels.dtype == np.int64
    assert renumber(np.array([], int)).shape == (0, )
