"""What a clustering found, as models and memories hear of it."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Clustering:
    """The clustered images of all unlabelled domains.

    Images of no cluster are not in it. The label table has the labels
    already: cluster k is the identity ``first + k``.

    Attributes:
        first (int): identity of the first cluster; those below are labelled.
        images (np.ndarray): images of the mixture, in no order, shape (n,).
        clusters (np.ndarray): cluster of each, int64, 0..K-1, shape (n,).
        camids (np.ndarray): camera of each, unique over the domains, shape
            (n,).
        embeddings (Tensor): embedding of each, unit length, shape (n, D).
        centroids (Tensor): centre of each cluster, unit length, shape (K, D).
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
