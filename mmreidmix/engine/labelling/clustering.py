"""From the embeddings of a domain to labels that all processes share."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import torch
from mmengine.device import is_cuda_available
from mmengine.dist import (
    broadcast,
    broadcast_object_list,
    get_dist_info,
    is_main_process,
)
from mmengine.logging import print_log
from torch import Tensor

from mmreidmix.distributed import gather_rows
from mmreidmix.neighbours import normalise_rows
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
        images (np.ndarray): (n,) which images of the domain.
        embeddings (Tensor): (n, D) rows of unit length.
        clusters (np.ndarray): (n,) cluster of each image, -1 = none.
    """

    images: np.ndarray
    embeddings: Tensor
    clusters: np.ndarray


def assign_clusters(mixture: Any,
                    domains: Mapping[int, LabelledImages]) -> Clustering:
    """Write clusters into the label table, and join those of all domains.

    Args:
        mixture (DomainMixture): the training set.
        domains (Mapping[int, LabelledImages]): by index of the domain.
    """
    table, clusters = mixture.label_table, {}
    parts, embeddings, centroids = [np.empty(0, np.int64)], [], []
    for domain, own in domains.items():
        span, clustered = table.span(domain), own.clusters >= 0
        clusters[domain] = np.full(span.stop - span.start, -1)
        if not len(own.images):
            continue
        clusters[domain][own.images] = own.clusters
        parts.append(own.images[clustered] + span.start)
        embeddings.append(own.embeddings[torch.from_numpy(clustered)])
        centroids.append(cluster_centroids(own.embeddings, own.clusters))
    table.assign(clusters)
    first, images = table.num_labelled_classes, np.concatenate(parts)
    return Clustering(
        first=first,
        images=images,
        clusters=table.labels[images] - first,
        camids=mixture.unique_camids()[images],
        embeddings=torch.cat(embeddings or [torch.zeros(0, 0)]),
        centroids=torch.cat(centroids or [torch.zeros(0, 0)]))


def cluster_centroids(embeddings: Tensor, labels: np.ndarray) -> Tensor:
    """Mean of the embeddings (N, D) of each cluster: (K, D), unit length.

    Labels (N,) are 0..K-1; -1 is in no cluster.
    """
    clustered = torch.from_numpy(labels >= 0)
    sums = embeddings.new_zeros(
        labels.max(initial=-1) + 1, embeddings.shape[1])
    sums.index_add_(0, torch.from_numpy(labels)[clustered],
                    embeddings[clustered])
    return torch.nn.functional.normalize(sums)


def cluster_together(clusterer: Callable, embeddings: Tensor,
                     alpha: Optional[float], name: str,
                     cameras: np.ndarray) -> Optional[PseudoLabelResult]:
    """Cluster a domain; the processes share the search of its neighbours.

    Args:
        clusterer (Callable): is called with the embeddings and ``alpha`` and
            returns a :class:`PseudoLabelResult`. Where it has the methods
            ``search(features, rows)`` and
            ``cluster(features, indices, sims, alpha)`` and a ``backend``, as
            :class:`JaccardDBSCAN` has, those are called instead, ``search``
            in every process for a part of the rows; and it gets ``cameras``
            too where ``uses_cameras`` is true.
        embeddings (Tensor): (N, D) float32 rows of unit length, of all images.
        alpha (float, optional): independence threshold of the last result.
        name (str): of the domain, for messages.
        cameras (np.ndarray): (N,) camera of each image.

    Returns:
        PseudoLabelResult | None: in the main process; None in the others.
        Features that have collapsed give no cluster.
    """
    seconds: dict = {}
    arguments, method = (embeddings.numpy(), ), clusterer
    if hasattr(clusterer, 'search'):
        with timed(seconds, 'neighbours'):
            features = embeddings.float()
            normalise_rows(features, out=features)
            options = (dict(cameras=cameras) if getattr(
                clusterer, 'uses_cameras', False) else {})
            lists = _search_together(clusterer, features, **options)
        arguments = (features.numpy(), *lists)
        method = clusterer.cluster
    if not is_main_process():
        return None
    try:
        result = method(*arguments, alpha=alpha)
    except CollapsedFeaturesError as error:
        # The labelled domains may still pull the features apart.
        warn(f'{name}: {error}')
        noise = np.full(len(embeddings), -1, dtype=np.int64)
        result = PseudoLabelResult(labels=noise, clusters=noise, alpha=alpha)
    result.seconds = {**seconds, **result.seconds}
    return result


def _search_together(clusterer: Any, features: Tensor,
                     **options: Any) -> tuple:
    """Indices and similarities (N, k) of the neighbours of all images."""
    rank, world_size = get_dist_info()
    num = len(features)
    rows = (num * rank // world_size, num * (rank + 1) // world_size)
    if is_cuda_available() and clusterer.backend == 'torch':
        features = features.cuda()
    return tuple(
        gather_rows(torch.from_numpy(part)).numpy()
        for part in clusterer.search(features, rows=rows, **options))


def share_result(result: Optional[PseudoLabelResult],
                 num: int) -> tuple[np.ndarray, Optional[float]]:
    """Labels (num,) and alpha of the main process, in every process.

    Labels are numbered by first member, -1 = noise. What the other processes
    give as result does not matter.

    Raises:
        ValueError: there is not a label for every image.
    """
    labels, alpha = None, [None]
    if is_main_process():
        labels = renumber(result.labels)
        alpha = [None if result.alpha is None else float(result.alpha)]
    labels = share_labels(labels, num)
    broadcast_object_list(alpha)
    return labels, alpha[0]


def share_labels(labels: Optional[np.ndarray], num: int) -> np.ndarray:
    """Labels (num,) of the main process, in every process.

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
