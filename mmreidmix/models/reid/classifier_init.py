"""Adaptive classifier initialisation."""

from typing import Optional

import torch

CLASSIFIER_INITS = ('unit', 'labelled', None)


def write_centroids(id_head, centroids: torch.Tensor, first: int,
                    classifier_init: Optional[str]) -> None:
    """Let centres of clusters become rows of the identity head.

    Row ``first + k`` becomes centroid k, scaled as ``classifier_init`` says:
    Wang et al., DomainMix (arXiv 2011.11953), where the length is 1.

    Args:
        id_head (IdentityHead | None): None has no rows.
        centroids (Tensor): unit length, shape (K, D).
        first (int): class of the first one.
        classifier_init (str, optional): 'unit'; 'labelled', the mean length
            of the rows below ``first``; None leaves the rows as they are.
    """
    if id_head is None or classifier_init is None or not len(centroids):
        return
    if classifier_init == 'labelled' and first:
        rows = id_head.weight.detach()[:first]
        centroids = centroids * rows.norm(dim=1).mean().cpu()
    id_head.write_rows(first, centroids)
