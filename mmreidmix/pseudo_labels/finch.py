"""FINCH: clusters of the graph that links every image to its first neighbour.

Sarfraz, Sharma, Stiefelhagen: Efficient Parameter-free Clustering Using First
Neighbor Relations, CVPR 2019.
"""
import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from mmreidmix.neighbours.knn_search import knn, normalise

from .dbscan import renumber

_BLOCK = 1 << 16
# Means that are searched exactly in any case: it takes seconds.
_EXACT = 20_000


def _components(nearest):
    """Clusters of equation 1: i - j where either is first, or both share."""
    num = len(nearest)
    links = sparse.coo_matrix(
        (np.ones(num, bool), (np.arange(num), nearest)), shape=(num, num))
    return renumber(connected_components(links, directed=False)[1])


def _sums(rows, labels):
    """Sum of the rows of each cluster, float32."""
    sums = torch.zeros(
        int(labels.max()) + 1, rows.shape[1], dtype=torch.float32)
    for first in range(0, len(rows), _BLOCK):
        part = slice(first, first + _BLOCK)
        sums.index_add_(
            0, torch.from_numpy(labels[part]),
            torch.from_numpy(np.array(rows[part], np.float32)))
    return sums.numpy()


def _directions(sums, labels, features):
    """Unit means; a cluster whose mean vanishes points to its first image."""
    gone = np.flatnonzero(~sums.any(axis=1))
    if len(gone):
        first = np.unique(labels, return_index=True)[1]
        sums = sums.copy()
        sums[gone] = features[first[gone]]
    return normalise(sums).numpy()


def _first_neighbours(means, search):
    # The settings of an approximate index are made for all images.
    if len(means) <= _EXACT:
        search = {name: search.get(name) for name in ('block', 'threads')}
    indices, sims = knn(means, 2, **search)
    return indices[:, 1].astype(np.int64), sims[:, 1].copy()


def _levels(features, nearest, search):
    """Labels and sums of every partition, finest first."""
    labels = _components(nearest)
    sums = _sums(features, labels)
    levels = [(labels, sums)]
    while len(sums) > 2:
        means = _directions(sums, labels, features)
        joined = _components(_first_neighbours(means, search)[0])
        if joined.max() == 0:
            break
        labels, sums = joined[labels], _sums(sums, joined)
        levels.append((labels, sums))
    return levels


def _nearest_living(means, alive, i):
    sims = np.where(alive, means @ means[i], -np.inf)
    sims[i] = -np.inf
    return sims


def _merge_down(labels, sums, features, num_clusters, search):
    """Algorithm 2: join the closest first neighbours, a pair at a time."""
    num = len(sums)
    means = _directions(sums, labels, features)
    sums = sums.copy()
    nearest, sims = _first_neighbours(means, search)
    alive = np.ones(num, bool)
    target = np.arange(num)
    for _ in range(num - num_clusters):
        a = int(np.argmax(np.where(alive, sims, -np.inf)))
        b = int(nearest[a])
        target[target == b] = a
        alive[b] = False
        sums[a] += sums[b]
        length = np.linalg.norm(sums[a])
        if length > 0:
            means[a] = sums[a] / length
        own = _nearest_living(means, alive, a)
        nearest[a], sims[a] = own.argmax(), own.max()
        lost = np.flatnonzero(alive & np.isin(nearest, (a, b)))
        for i in lost[lost != a]:
            row = _nearest_living(means, alive, i)
            nearest[i], sims[i] = row.argmax(), row.max()
        closer = alive & (own > sims)
        closer[a] = False
        nearest[closer], sims[closer] = a, own[closer]
    return renumber(target[labels])


def finch_partitions(features, *, indices=None, **search):
    """All partitions of FINCH, each a union of clusters of the one before.

    Images are linked to their first neighbour by cosine similarity; clusters
    are the connected components; their means are clustered in the same way,
    until a single cluster would be left (which is no partition unless it is
    the first). There is no noise.

    Args:
        features (np.ndarray): (N, D) float32 or float16, L2-normalised.
        indices (np.ndarray, optional): (N, 2 or more) neighbours of
            :func:`neighbours.knn`, to save the first search.
        **search: Options of :func:`neighbours.knn`.

    Returns:
        list[np.ndarray]: (N,) int64 labels each, finest first, numbered by
        first member; empty for no images.
    """
    return [labels for labels, _ in _partitions(features, indices, search)]


def _partitions(features, indices, search):
    features = np.asarray(features)
    num = len(features)
    if num < 2:
        labels = np.zeros(num, np.int64)
        return [(labels, np.asarray(features, np.float32))] if num else []
    if indices is None:
        indices = knn(features, 2, **search)[0]
    if indices.ndim != 2 or len(indices) != num or indices.shape[1] < 2:
        raise ValueError(f'indices: expected shape ({num}, 2 or more), got '
                         f'{indices.shape}')
    return _levels(features, indices[:, 1], search)


def finch(features, *, level=1, num_clusters=None, indices=None, **search):
    """One partition of FINCH, see :func:`finch_partitions`.

    Args:
        features (np.ndarray): (N, D) float32 or float16, L2-normalised.
        level (int): Which partition, 0 = finest, or counted from the coarsest
            by -1, -2, ...; the last in that direction where there are fewer.
        num_clusters (int, optional): Wanted number of clusters instead: the
            coarsest partition with at least as many, of which the closest
            pairs are joined one by one (the paper's Algorithm 2). With K0
            clusters there, O((K0 - num_clusters) K0 D).
        indices (np.ndarray, optional): See :func:`finch_partitions`.
        **search: Options of :func:`neighbours.knn`.

    Returns:
        np.ndarray: (N,) int64, clusters 0..K-1 numbered by first member.

    Raises:
        ValueError: If num_clusters is not positive or more than the finest
            partition has.
    """
    if num_clusters is not None and num_clusters < 1:
        raise ValueError(f'num_clusters={num_clusters}: expected at least 1')
    levels = _partitions(features, indices, search)
    if not levels:
        return np.empty(0, np.int64)
    if num_clusters is None:
        last = len(levels) - 1
        return levels[min(level, last) if level >= 0 else
                      max(level, -len(levels))][0]
    enough = [pair for pair in levels if len(pair[1]) >= num_clusters]
    if not enough:
        raise ValueError(
            f'num_clusters={num_clusters}: the finest partition of '
            f'{len(features)} images has only {len(levels[0][1])} clusters; '
            'ask for fewer')
    labels, sums = enough[-1]
    if len(sums) == num_clusters:
        return labels
    return _merge_down(labels, sums, np.asarray(features), num_clusters,
                       search)
