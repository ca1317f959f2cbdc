"""Clusters that never leave their group, such as the video of an image."""

from typing import Any, Callable

import numpy as np

from mmreidmix.checks import name_some

from .dbscan import renumber


def _check(features: np.ndarray, images: np.ndarray, where: str) -> None:
    largest = np.abs(np.asarray(features)).max(axis=1, initial=0)
    bad = images[~((largest > 0) & np.isfinite(largest))]
    if len(bad):
        raise ValueError(
            f'{where}: features of {len(bad)} images are zero vectors or hold '
            f'NaN or infinity: indices {name_some(bad)}')


def cluster_per_group(features: np.ndarray, groups: np.ndarray,
                      clusterer: Callable[[Any], Any]) -> np.ndarray:
    """Cluster every group by itself; no cluster has images of two groups.

    For single-camera video, where images of different videos show different
    persons (ReMix, arXiv 2410.21938). Images are sorted by group once; the
    rest is one call of the clusterer per group.

    A group of one image is a call with one image, which density clusterers
    call noise. In a group of no more than k1 images every image is on every
    list, so that the Jaccard distance tells persons apart by the weights of
    the encoding only: choose k1 below the usual size of a group.

    Args:
        features (np.ndarray): (N, D), may be a memory map.
        groups (np.ndarray): (N,) integers or strings, in any order.
        clusterer (Callable): features of a group (n, D) to a
            :class:`PseudoLabelResult` or to (n,) labels, negative = noise:
            :class:`JaccardDBSCAN`, :class:`FINCH`, :class:`KMeans` or any
            function.

    Returns:
        np.ndarray: (N,) int64, noise -1, clusters 0..K-1 by first member.

    Raises:
        ValueError: the shapes differ, a vector is zero or not finite (named
            by its index among the N), or the clusterer refuses a group, which
            is named.
    """
    groups = np.asarray(groups)
    num = len(features)
    if groups.shape != (num, ):
        raise ValueError(f'groups: expected shape ({num},) as `features`, got '
                         f'{groups.shape}')
    labels = np.full(num, -1, np.int64)
    used = 0
    order = np.argsort(groups, kind='stable')
    ordered = groups[order]
    begins = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    for images in np.split(order, begins) if num else ():
        where = f'group {groups[images[0]]!s} ({len(images)} images)'
        own_features = features[images]
        _check(own_features, images, where)
        try:
            own = clusterer(own_features)
        except ValueError as error:
            raise type(error)(f'{where}: {error}') from error
        own = np.asarray(getattr(own, 'labels', own))
        if own.shape != images.shape:
            raise ValueError(f'{where}: the clusterer gave labels of shape '
                             f'{own.shape}, expected {images.shape}')
        found = own >= 0
        labels[images[found]] = own[found] + used
        used += own.max(initial=-1) + 1
    return renumber(labels)
