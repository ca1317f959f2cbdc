"""The result of a clustering, as models and memories hear of it."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Clustering:
    """The clustered images of all unlabelled domains, in any order.

    Images of no cluster are not in it. The label table has the labels
    already: cluster k is the identity ``first + k``.

    Attributes:
        first (int): identity of the first cluster; those below are labelled.
        images (np.ndarray): (n,) images of the mixture.
        clusters (np.ndarray): (n,) int64, cluster of each, 0..K-1.
        camids (np.ndarray): (n,) camera of each, unique over the domains.
        embeddings (Tensor): (n, D) embedding of each, unit length.
        centroids (Tensor): (K, D) centre of each cluster, unit length.
    """

    first: int
    images: np.ndarray
    clusters: np.ndarray
    camids: np.ndarray
    embeddings: Tensor
    centroids: Tensor

    @property
    def num_classes(self) -> int:
        """Labelled identities and clusters together."""
        return self.first + len(self.centroids)
