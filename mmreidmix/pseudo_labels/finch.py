"""FINCH: clusters of the graph that links every image to its first neighbour.

Sarfraz, Sharma, Stiefelhagen: Efficient Parameter-free Clustering Using First
Neighbor Relations, CVPR 2019.
"""

from typing import Any, Optional

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from mmreidmix.checks import check_at_least
from mmreidmix.neighbours import knn, normalise_rows

from .dbscan import renumber

_BLOCK = 1 << 16
# Means that are searched exactly in any case: it takes seconds.
_EXACT = 20_000

#: Labels of a partition, and the sums of the features of its clusters.
_Partition = tuple[np.ndarray, np.ndarray]


def _components(nearest: np.ndarray) -> np.ndarray:
    """Clusters of equation 1: i - j where either is first, or both share."""
    num = len(nearest)
    links = sparse.coo_matrix(
        (np.ones(num, bool), (np.arange(num), nearest)), shape=(num, num))
    return renumber(connected_components(links, directed=False)[1])


def _sums(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Sum of the rows of each cluster, float32."""
    sums = torch.zeros(
        int(labels.max()) + 1, rows.shape[1], dtype=torch.float32)
    for first in range(0, len(rows), _BLOCK):
        part = slice(first, first + _BLOCK)
        sums.index_add_(
            0, torch.from_numpy(labels[part]),
            torch.from_numpy(np.array(rows[part], np.float32)))
    return sums.numpy()


def _directions(sums: np.ndarray, labels: np.ndarray,
                features: np.ndarray) -> np.ndarray:
    """Unit means; a cluster whose mean vanishes points to its first image."""
    vanished = np.flatnonzero(~sums.any(axis=1))
    if len(vanished):
        first = np.unique(labels, return_index=True)[1]
        sums = sums.copy()
        sums[vanished] = features[first[vanished]]
    return normalise_rows(sums).numpy()


def _first_neighbours(means: np.ndarray,
                      search: dict) -> tuple[np.ndarray, np.ndarray]:
    # The settings of an approximate index are made for all images.
    if len(means) <= _EXACT:
        search = {name: search.get(name) for name in ('block', 'threads')}
    indices, sims = knn(means, 2, **search)
    return indices[:, 1].astype(np.int64), sims[:, 1].copy()


def _partitions(features: np.ndarray, indices: Optional[np.ndarray],
                search: dict) -> list[_Partition]:
    """Every partition, finest first."""
    num = len(features)
    if num < 2:
        return [(np.zeros(num, np.int64),
                 np.asarray(features, np.float32))][:num]
    if indices is None:
        indices = knn(features, 2, **search)[0]
    if indices.ndim != 2 or len(indices) != num or indices.shape[1] < 2:
        raise ValueError(f'indices: expected shape ({num}, 2 or more), got '
                         f'{indices.shape}')
    labels = _components(indices[:, 1])
    sums = _sums(features, labels)
    partitions = [(labels, sums)]
    while len(sums) > 2:
        means = _directions(sums, labels, features)
        joined = _components(_first_neighbours(means, search)[0])
        if joined.max() == 0:
            break
        labels, sums = joined[labels], _sums(sums, joined)
        partitions.append((labels, sums))
    return partitions


def _sims_to_others(means: np.ndarray, alive: np.ndarray,
                    i: int) -> np.ndarray:
    sims = np.where(alive, means @ means[i], -np.inf)
    sims[i] = -np.inf
    return sims


def _merge_down(partition: _Partition, features: np.ndarray,
                num_clusters: int, search: dict) -> np.ndarray:
    """Algorithm 2: join the closest first neighbours, a pair at a time."""
    labels, sums = partition[0], partition[1].copy()
    num = len(sums)
    means = _directions(sums, labels, features)
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
        own = _sims_to_others(means, alive, a)
        nearest[a], sims[a] = own.argmax(), own.max()
        lost = np.flatnonzero(alive & np.isin(nearest, (a, b)))
        for i in lost[lost != a]:
            row = _sims_to_others(means, alive, i)
            nearest[i], sims[i] = row.argmax(), row.max()
        closer = alive & (own > sims)
        closer[a] = False
        nearest[closer], sims[closer] = a, own[closer]
    return renumber(target[labels])


def finch_partitions(features: np.ndarray, *,
                     indices: Optional[np.ndarray] = None,
                     **search: Any) -> list[np.ndarray]:
    """All partitions of FINCH, each a union of clusters of the one before.

    Images are linked to their first neighbour by cosine similarity; clusters
    are the connected components; their means are clustered in the same way,
    until a single cluster would be left (which is no partition unless it is
    the first). There is no noise.

    Args:
        features (np.ndarray): (N, D) float32 or float16, L2-normalised.
        indices (np.ndarray, optional): (N, 2 or more) neighbours of
            :func:`neighbours.knn`, to save the first search.
        **search: options of :func:`neighbours.knn`.

    Returns:
        list[np.ndarray]: (N,) int64 labels each, finest first, numbered by
        first member; empty for no images.
    """
    return [labels for labels, _ in _partitions(
        np.asarray(features), indices, search)]


def finch(features: np.ndarray, *, level: int = 1,
          num_clusters: Optional[int] = None,
          indices: Optional[np.ndarray] = None, **search: Any) -> np.ndarray:
    """One partition of FINCH, see :func:`finch_partitions`.

    Args:
        features (np.ndarray): (N, D) float32 or float16, L2-normalised.
        level (int): which partition, 0 = finest, or counted from the coarsest
            by -1, -2 and so on; the last in that direction where there are
            fewer.
        num_clusters (int, optional): wanted number of clusters instead: the
            coarsest partition with at least as many, of which the closest
            pairs are joined one by one (the paper's Algorithm 2). With K0
            clusters there, O((K0 - num_clusters) K0 D).
        indices (np.ndarray, optional): see :func:`finch_partitions`.
        **search: options of :func:`neighbours.knn`.

    Returns:
        np.ndarray: (N,) int64, clusters 0..K-1 numbered by first member.

    Raises:
        ValueError: num_clusters is not positive or more than the finest
            partition has.
    """
    if num_clusters is not None:
        check_at_least('finch', 1, num_clusters=num_clusters)
    features = np.asarray(features)
    partitions = _partitions(features, indices, search)
    if not partitions:
        return np.empty(0, np.int64)
    num = len(partitions)
    if num_clusters is None:
        return partitions[max(-num, min(level, num - 1))][0]
    enough = [partition for partition in partitions
              if len(partition[1]) >= num_clusters]
    if not enough:
        raise ValueError(
            f'num_clusters={num_clusters}: the finest partition of '
            f'{len(features)} images has only {len(partitions[0][1])} '
            'clusters; ask for fewer')
    if len(enough[-1][1]) == num_clusters:
        return enough[-1][0]
    return _merge_down(enough[-1], features, num_clusters, search)
