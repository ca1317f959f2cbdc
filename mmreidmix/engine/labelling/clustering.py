"""From the embeddings of a domain to labels that all processes share."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import torch
from mmengine.device import is_cuda_available
from mmengine.dist import broadcast, get_dist_info, is_main_process
from mmengine.logging import print_log
from torch import Tensor

from mmreidmix.distributed import gather_rows
from mmreidmix.neighbours import normalise
from mmreidmix.pseudo_labels import (
    CollapsedFeaturesError,
    PseudoLabelResult,
    renumber,
)
from mmreidmix.structures import Clustering
from mmreidmix.timing import timed


@dataclass(frozen=True)
class LabelledImages:
    """Images of one domain that were embedded and clustered.

    Attributes:
        images (np.ndarray): which images of the domain, shape (n,).
        embeddings (Tensor): theirs, unit length, shape (n, D).
        clusters (np.ndarray): cluster of each, -1 = none, shape (n,).
    """

    images: np.ndarray
    embeddings: Tensor
    clusters: np.ndarray


def assign_clusters(mixture: Any,
                    found: Mapping[int, LabelledImages]) -> Clustering:
    """Write clusters into the label table, and join those of all domains.

    Args:
        mixture (DomainMixture): the training set.
        found (Mapping[int, LabelledImages]): by unlabelled domain.
    """
    table, whole = mixture.label_table, {}
    images, embeddings, centroids = [], [], []
    for domain, own in found.items():
        span, kept = table.span(domain), np.flatnonzero(own.clusters >= 0)
        whole[domain] = np.full(span.stop - span.start, -1)
        if not len(own.images):
            continue
        whole[domain][own.images] = own.clusters
        images.append(own.images[kept] + span.start)
        embeddings.append(own.embeddings[torch.from_numpy(kept)])
        centroids.append(cluster_centroids(own.embeddings, own.clusters))
    table.assign(whole)
    first = table.num_labelled_classes
    where = np.concatenate([np.empty(0, np.int64), *images])
    return Clustering(
        first=first,
        images=where,
        clusters=table.labels[where] - first,
        camids=mixture.unique_camids()[where],
        embeddings=torch.cat(embeddings or [torch.zeros(0, 0)]),
        centroids=torch.cat(centroids or [torch.zeros(0, 0)]))


def cluster_centroids(embeddings: Tensor, labels: np.ndarray) -> Tensor:
    """Unit-length means of the embeddings of each cluster.

    Args:
        embeddings (Tensor): unit-length rows, shape (N, D).
        labels (np.ndarray): clusters 0..K-1, shape (N,); -1 is left out.

    Returns:
        Tensor: shape (K, D).
    """
    labels = torch.from_numpy(np.asarray(labels))
    kept = labels >= 0
    num = int(labels.max()) + 1 if kept.any() else 0
    sums = embeddings.new_zeros(num, embeddings.shape[1])
    sums.index_add_(0, labels[kept], embeddings[kept])
    return torch.nn.functional.normalize(sums)


def cluster_together(clusterer: Callable, embeddings: Tensor,
                     alpha: Optional[float],
                     name: str) -> Optional[PseudoLabelResult]:
    """Cluster a domain; the processes share the search of its neighbours.

    A clusterer is called with the embeddings (N, D), float32 of length 1, and
    ``alpha``. Where it has the methods ``search(features, rows)`` and
    ``cluster(features, indices, sims, alpha)`` and a ``backend``, as
    :class:`mmreidmix.pseudo_labels.JaccardDBSCAN` has, those are called
    instead, ``search`` in every process for a part of the rows.

    Args:
        clusterer (Callable): see above.
        embeddings (Tensor): of all images, shape (N, D).
        alpha (float, optional): independence threshold of the last result.
        name (str): of the domain, for messages.

    Returns:
        PseudoLabelResult | None: in the main process; None in the others.
        Features that have collapsed give no cluster.
    """
    arguments, seconds = (embeddings.numpy(), ), {}
    method = clusterer
    if hasattr(clusterer, 'search'):
        with timed(seconds, 'neighbours'):
            features = embeddings.float()
            normalise(features, out=features)
            lists = search_together(clusterer, features)
        arguments = (features.numpy(), *lists)
        method = clusterer.cluster
    if not is_main_process():
        return None
    try:
        result = method(*arguments, alpha=alpha)
    except CollapsedFeaturesError as error:
        # The labelled domains may still pull the features apart.
        warn(f'{name}: {error}')
        nothing = np.full(len(embeddings), -1, dtype=np.int64)
        result = PseudoLabelResult(
            labels=nothing, clusters=nothing, alpha=alpha)
    result.seconds = {**seconds, **result.seconds}
    return result


def search_together(clusterer: Any, features: Tensor) -> tuple:
    """Neighbour lists of all images, every process searching some rows.

    Args:
        clusterer: has ``search(features, rows)`` and a ``backend``. A GPU is
            used where there is one and the backend is 'torch'.
        features (Tensor): unit-length rows, shape (N, D), on the CPU, the
            same in every process.

    Returns:
        tuple[np.ndarray, np.ndarray]: indices and similarities, shape (N, k),
        the same in every process.
    """
    rank, world_size = get_dist_info()
    num = len(features)
    rows = (num * rank // world_size, num * (rank + 1) // world_size)
    if is_cuda_available() and clusterer.backend == 'torch':
        features = features.cuda()
    return tuple(
        gather_rows(torch.from_numpy(part)).numpy()
        for part in clusterer.search(features, rows=rows))


def share_result(result: Optional[PseudoLabelResult], num: int) -> tuple:
    """Labels and alpha of the main process, in every process.

    Args:
        result (PseudoLabelResult, optional): of the main process; what the
            others give is not looked at.
        num (int): images.

    Returns:
        tuple[np.ndarray, float | None]: labels, shape (N,), numbered by first
        member, -1 = noise, and alpha.

    Raises:
        ValueError: there is not a label for every image.
    """
    alpha = torch.full((1, ), float('nan'), dtype=torch.float64)
    if is_main_process() and result.alpha is not None:
        alpha[0] = result.alpha
    labels = share_labels(
        renumber(result.labels) if is_main_process() else None, num)
    broadcast(alpha)
    alpha = alpha.item()
    return labels, None if math.isnan(alpha) else alpha


def share_labels(labels: Optional[np.ndarray], num: int) -> np.ndarray:
    """Labels (N,) of the main process, in every process.

    Raises:
        ValueError: there is not a label for every image.
    """
    shared = torch.empty(num, dtype=torch.int64)
    if is_main_process():
        if labels.shape != (num, ):
            raise ValueError('the clusterer gave labels of shape '
                             f'{labels.shape} for {num} images')
        shared.copy_(torch.from_numpy(labels))
    broadcast(shared)
    return shared.numpy()


def warn(message: str) -> None:
    """Log a warning."""
    print_log(message, logger='current', level=logging.WARNING)
