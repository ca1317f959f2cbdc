"""DBSCAN on a sparse graph of distances."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from mmreidmix.checks import check_at_least


def renumber(labels: np.ndarray) -> np.ndarray:
    """Number clusters 0..K-1 by their first image; negative becomes -1.

    (N,) integers become (N,) int64.
    """
    labels = np.asarray(labels)
    result = np.full(len(labels), -1, np.int64)
    members = np.flatnonzero(labels >= 0)
    _, first, inverse = np.unique(
        labels[members], return_index=True, return_inverse=True)
    result[members] = np.argsort(np.argsort(first))[inverse]
    return result


def drop_small(labels: np.ndarray, min_size: int) -> np.ndarray:
    """Make noise (-1) of clusters of fewer images, number the rest anew."""
    labels = renumber(labels)
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    return renumber(np.where(sizes[labels] >= min_size, labels, -1))


def dbscan(graph: sparse.csr_matrix, eps: float,
           min_samples: int) -> np.ndarray:
    """Density clusters of a graph, the same as scikit-learn's ``DBSCAN``.

    A core image has at least ``min_samples`` images, itself included, within
    ``eps``. Clusters are the connected components of core images; another
    image within ``eps`` of a core image joins, among several clusters the one
    whose first core image has the lowest index (scikit-learn's order). One
    graph serves every eps up to its radius. O(N + pairs); scikit-learn's own
    sparse path sorts the graph again and builds N Python arrays per eps.

    Args:
        graph (scipy.sparse.csr_matrix): (N, N) symmetric distances; a pair
            that is not stored is farther than any eps, a stored 0 is a
            distance of 0. The diagonal plays no part.
        eps (float): largest distance of neighbours, inclusive.
        min_samples (int): images that make a neighbourhood dense.

    Returns:
        np.ndarray: (N,) int64; noise -1, clusters numbered by first member.

    Raises:
        ValueError: eps is negative or min_samples is not positive.

    References:
        Ester, Kriegel, Sander, Xu: A density-based algorithm for discovering
        clusters in large spatial databases with noise, KDD 1996.
    """
    check_at_least('dbscan', 0, eps=eps)
    check_at_least('dbscan', 1, min_samples=min_samples)
    num = graph.shape[0]
    if num == 0:
        return np.empty(0, np.int64)
    row = np.repeat(np.arange(num, dtype=np.int32), np.diff(graph.indptr))
    near = (graph.data <= eps) & (row != graph.indices)
    row, column = row[near], graph.indices[near]
    core = np.bincount(row, minlength=num) + 1 >= min_samples

    both = core[row] & core[column] & (row < column)
    links = sparse.coo_matrix(
        (np.ones(both.sum(), bool), (row[both], column[both])),
        shape=(num, num))
    _, component = connected_components(links, directed=False)
    labels = renumber(np.where(core, component, -1))

    border = ~core[row] & core[column]
    reached = np.full(num, num, np.int64)
    np.minimum.at(reached, row[border], labels[column[border]])
    return renumber(np.where(reached < num, reached, labels))
