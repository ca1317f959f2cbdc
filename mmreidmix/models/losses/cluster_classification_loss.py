"""Losses on clustered images that do not trust clusters fully."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Optional

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmreidmix.checks import check_above
from mmreidmix.distributed import mean_of_usable
from mmreidmix.registry import MODELS
from mmreidmix.structures import Clustering, TrainingBatch

#: Images whose distances to their centres are computed at a time.
BLOCK = 1 << 14


class ClusterClassificationLoss(nn.Module, ABC):
    """Classification of clustered images, with what the clustering knew.

    The target loss of :class:`DAAM`. What it takes from a clustering is in no
    state dict, as its size changes: :meth:`label_state` is for checkpoints.

    Args:
        within_camera (bool): an image is told from those clusters alone that
            hold an image of its camera. A person often falls into a cluster
            per camera, and a choice among all clusters would push them
            apart. As in the intra-camera loss of Wang et al. (CAP, AAAI
            2021); no part of DAAM. Where all images of a domain have one
            camera number these are all of its clusters.

    Attributes:
        images (np.ndarray, optional): (n,) clustered images of the mixture,
            ascending.
        targets (dict[str, Tensor]): what else is taken from the clustering.
    """

    #: Names of what :meth:`targets_of` gives.
    target_names: tuple[str, ...] = ()

    def __init__(self, within_camera: bool = True):
        super().__init__()
        self.within_camera = within_camera
        self.images: Optional[np.ndarray] = None
        self.targets: dict[str, Tensor] = {}

    def on_clustering(self, clustering: Clustering) -> None:
        """Take over a clustering."""
        # Images of a batch are looked up by bisection.
        order = np.argsort(clustering.images)
        clusters = torch.from_numpy(clustering.clusters[order])
        camids = torch.from_numpy(clustering.camids[order])
        if not self.within_camera:
            camids = torch.zeros_like(camids)
        numbers, cameras = camids.unique(return_inverse=True)
        seen = torch.zeros(
            len(numbers), len(clustering.centroids), dtype=torch.bool)
        seen[cameras, clusters] = True
        self.images = clustering.images[order]
        self.targets = dict(
            cameras=cameras,
            seen=seen,
            **self.targets_of(clustering.embeddings[order], clusters,
                              clustering.centroids))

    @abstractmethod
    def targets_of(self, embeddings: Tensor, clusters: Tensor,
                   centroids: Tensor) -> dict[str, Tensor]:
        """What the loss needs of a clustering, see :class:`Clustering`."""

    @abstractmethod
    def per_image(self, log_p: Tensor, clusters: Tensor,
                  rows: Tensor) -> Tensor:
        """Loss of each image, (B,).

        Args:
            log_p (Tensor): (B, K) log-softmax of the logits over the clusters
                of :meth:`candidates`, 0 for the others.
            clusters (Tensor): (B,) cluster of each image.
            rows (Tensor): (B,) its place among the clustered images.
        """

    def candidates(self, rows: Tensor) -> Tensor:
        """Clusters among which images are classified, bool, (B, K)."""
        return self.targets['seen'][self.targets['cameras'][rows.cpu()]]

    def forward(self, batch: TrainingBatch, head: nn.Module) -> Tensor:
        """Loss of the clustered images of a batch.

        Args:
            batch (TrainingBatch): labelled and clustered images.
            head (IdentityHead): its rows behind the labelled identities are
                the classifier of the clusters.

        Raises:
            RuntimeError: there was no clustering.
        """
        if not self.targets:
            raise RuntimeError(
                f'{type(self).__name__} knows no clustering: PseudoLabelHook '
                'tells it. A run can be resumed between two clusterings only '
                'from a checkpoint saved with the same `interval`')
        part, first = batch.unlabelled(), batch.num_labelled
        logits = head(part.b, part.num_classes)[:, first:]
        rows = np.searchsorted(self.images, part.indices)
        return self.compute(logits, part.labels - first,
                            torch.from_numpy(rows))

    def compute(self, logits: Tensor, clusters: Tensor,
                rows: Tensor) -> Tensor:
        """Mean loss over the images of all processes, scalar.

        The logits (B, K) are over the clusters; B may be 0 and may differ
        between processes. Other arguments as of :meth:`per_image`.
        """
        others = ~self.candidates(rows).to(logits.device)
        log_p = F.log_softmax(logits.masked_fill(others, -torch.inf), dim=1)
        log_p = log_p.masked_fill(others, 0.0)
        losses = self.per_image(log_p, clusters, rows)
        return mean_of_usable(losses, torch.ones_like(clusters).bool())

    def label_state(self) -> dict:
        """What was taken from the last clustering, tensors on the CPU."""
        if self.images is None:
            return {}
        return dict(
            images=torch.from_numpy(self.images),
            target={k: v.cpu() for k, v in self.targets.items()})

    def load_label_state(self, state: Mapping) -> None:
        """Take over what :meth:`label_state` gave.

        Raises:
            RuntimeError: it is that of another loss.
        """
        if 'images' not in state:
            return
        wanted = {'cameras', 'seen', *self.target_names}
        if set(state['target']) != wanted:
            raise RuntimeError(
                f'{type(self).__name__} needs {sorted(wanted)} of a '
                f'clustering, the checkpoint holds {sorted(state["target"])}: '
                'it was written with another `target`, or by an older '
                'version. Resume from a checkpoint at which images are '
                'clustered anew')
        self.images = state['images'].numpy()
        self.targets = dict(state['target'])


@MODELS.register_module()
class ClusterWeightedLoss(ClusterClassificationLoss):
    """Cross-entropy that trusts images near the centre of their cluster.

    -w_i log p(k_i | x_i) with w_i = exp(-||f_i - o_{k_i}||^2 / s), s the mean
    squared distance in the cluster, scaled to mean 1 in each cluster; f and o
    are those of the clustering. A reconstruction of the weighted
    cross-entropy of DAAM v1 (arXiv 1905.10529v1).

    Options: :class:`ClusterClassificationLoss`.
    """

    target_names = ('weights', )

    def targets_of(self, embeddings: Tensor, clusters: Tensor,
                   centroids: Tensor) -> dict[str, Tensor]:
        """The weights of all images."""
        distances = torch.cat([
            (rows - centroids[own]).square().sum(1)
            for rows, own in zip(embeddings.split(BLOCK),
                                 clusters.split(BLOCK))
        ]) if len(embeddings) else embeddings.new_zeros(0)
        scale = _mean_of_clusters(distances, clusters, len(centroids))
        # Where all images of a cluster are alike the scale is 0.
        scale = scale.clamp(min=torch.finfo(scale.dtype).tiny)
        weights = (-distances / scale[clusters]).exp()
        means = _mean_of_clusters(weights, clusters, len(centroids))
        return dict(weights=weights / means[clusters])

    def per_image(self, log_p: Tensor, clusters: Tensor,
                  rows: Tensor) -> Tensor:
        """Weighted cross-entropy of each image, (B,)."""
        weights = self.targets['weights'][rows.cpu()].to(log_p)
        return -weights * log_p.gather(1, clusters[:, None])[:, 0]


@MODELS.register_module()
class SoftLabelLoss(ClusterClassificationLoss):
    """Cross-entropy with soft labels from the clustering.

    -sum_k q_ik log p(k | x_i) with q_ik = softmax_k(f_i o_k / T), both over
    the same clusters; f and o are those of the clustering. A reconstruction
    of the soft label loss of DAAM v2 (AAAI 2020). The embeddings are kept in
    half precision.

    Args:
        temperature (float): T > 0; small against differences of cosines, else
            the labels are the model's own opinion.
        **kwargs: see :class:`ClusterClassificationLoss`.
    """

    target_names = ('embeddings', 'centroids')

    def __init__(self, temperature: float = 0.01, **kwargs):
        super().__init__(**kwargs)
        check_above(self, 0, temperature=temperature)
        self.temperature = temperature

    def targets_of(self, embeddings: Tensor, clusters: Tensor,
                   centroids: Tensor) -> dict[str, Tensor]:
        """Embeddings and centres."""
        return dict(embeddings=embeddings.half(), centroids=centroids)

    def soft_labels(self, rows: Tensor) -> Tensor:
        """Soft labels q of images, (B, K)."""
        centroids = self.targets['centroids']
        f = self.targets['embeddings'][rows.cpu()].to(centroids)
        logits = f @ centroids.T / self.temperature
        others = ~self.candidates(rows).to(logits.device)
        return logits.masked_fill(others, -torch.inf).softmax(1)

    def per_image(self, log_p: Tensor, clusters: Tensor,
                  rows: Tensor) -> Tensor:
        """Cross-entropy of each image with its soft label, (B,)."""
        self.targets['centroids'] = self.targets['centroids'].to(log_p)
        return -(self.soft_labels(rows) * log_p).sum(1)


def _mean_of_clusters(values: Tensor, clusters: Tensor, num: int) -> Tensor:
    """Mean of the values of each cluster, (num,)."""
    sums = values.new_zeros(num).index_add_(0, clusters, values)
    return sums / torch.bincount(clusters, minlength=num).clamp(min=1)
