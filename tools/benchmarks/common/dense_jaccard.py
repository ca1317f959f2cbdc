"""The Jaccard distance as N x N matrices: the reference to compare with.

The same definition as ``mmreidmix.pseudo_labels``, see there, the way public
pseudo-label code lays it out: a dense matrix of encodings, an inverted index
over its columns, a loop over images that sums minima into whole rows, a full
matrix of distances for scikit-learn's DBSCAN. Plain NumPy in float32.
"""

import numpy as np

# Libraries, neighbour lists, and blocks of scikit-learn.
_EXTRA_BYTES = 1 << 30


def needed_bytes(num, dim):
    """Peak memory of the reference: two N x N float32 matrices at a time."""
    return 2 * 4 * num**2 + 4 * num * dim + _EXTRA_BYTES


def _mutual(indices, length):
    """Reciprocal neighbours of every image among ``length`` nearest ones."""
    near = indices[:, :length]
    return [row[(near[row] == i).any(axis=1)] for i, row in enumerate(near)]


def encoding(indices, features, k1, k2):
    """Weights over k-reciprocal neighbours, with local query expansion.

    Args:
        indices (np.ndarray): (N, k) neighbours, the image itself first.
        features (np.ndarray): (N, D) float32, of length 1.
        k1 (int): Length of the neighbour lists.
        k2 (int): Neighbours averaged over.

    Returns:
        np.ndarray: (N, N) float32.
    """
    num = len(indices)
    whole = _mutual(indices, k1)
    halves = _mutual(indices, min(int(np.around(k1 / 2)) + 1, k1))
    weights = np.zeros((num, num), np.float32)
    inside = np.zeros(num, bool)
    for i, own in enumerate(whole):
        inside[own] = True
        members = [own]
        for c in own:
            half = halves[c]
            if 3 * np.count_nonzero(inside[half]) > 2 * len(half):
                members.append(half)
        inside[own] = False
        members = np.unique(np.concatenate(members))
        similar = np.exp(2 * (features[members] @ features[i]) - 2)
        weights[i, members] = similar / similar.sum()
    if k2 == 1:
        return weights
    expanded = np.empty_like(weights)
    for i, near in enumerate(indices[:, :k2]):
        np.mean(weights[near], axis=0, out=expanded[i])
    return expanded


def distances(weights):
    """Jaccard distances of all pairs: (N, N) float32."""
    num = len(weights)
    rows, columns = np.nonzero(weights)
    ends = np.cumsum(np.bincount(columns, minlength=num))[:-1]
    inverted = np.split(rows[np.argsort(columns, kind='stable')], ends)
    result = np.empty_like(weights)
    shared = np.empty(num, np.float32)
    for i, row in enumerate(weights):
        shared[:] = 0
        for c in np.flatnonzero(row):
            others = inverted[c]
            shared[others] += np.minimum(row[c], weights[others, c])
        result[i] = 1 - shared / (2 - shared)
    return np.maximum(result, 0, out=result)  # rounding


def cluster(matrix, eps, min_samples, threads):
    """DBSCAN of scikit-learn on the full matrix: (N,) labels, -1 = noise."""
    from sklearn.cluster import DBSCAN  # here: --help must not wait for it
    return DBSCAN(eps=eps, min_samples=min_samples, metric='precomputed',
                  n_jobs=threads).fit(matrix).labels_
