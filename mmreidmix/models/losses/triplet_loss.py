"""Batch-hard triplet loss, soft or with a margin."""

from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmreidmix.checks import check_at_least
from mmreidmix.distributed import gather_with_grad
from mmreidmix.registry import MODELS
from mmreidmix.structures import TrainingBatch


def pairwise_distance(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances (N, M) of the rows of a (N, D) and b (M, D).

    Through the matrix product, with the square kept above 1e-12: the root has
    no gradient at 0.
    """
    square = (a * a).sum(1, keepdim=True) + (b * b).sum(1) - 2 * a @ b.T
    return square.clamp(min=1e-12).sqrt()


@MODELS.register_module()
class BatchHardTripletLoss(nn.Module):
    """Hardest positive against hardest negative of each anchor.

    Hermans et al., "In Defense of the Triplet Loss" (arXiv 1703.07737).
    With ``margin=None`` the soft form mean_i log(1 + exp(d_ap - d_an)), which
    DomainMix uses (``WangWenhao0716/DomainMix``, ``dg/loss/triplet.py`` with
    margin argument 0); else mean_i max(0, d_ap - d_an + margin).

    Args:
        margin (float, optional): additive margin in units of the Euclidean
            distance of the features. None: soft form.
    """

    def __init__(self, margin: Optional[float] = None):
        super().__init__()
        if margin is not None:
            check_at_least(self, 0, margin=margin)
        self.margin = margin

    def forward(self, batch: TrainingBatch) -> Tensor:
        """Loss of x (B, D), with pairs from the batches of all processes."""
        x, labels = batch.x, batch.labels
        return self.compute(x, labels, gather_with_grad(x),
                            gather_with_grad(labels))

    def compute(self,
                features: Tensor,
                labels: Tensor,
                pool: Optional[Tensor] = None,
                pool_labels: Optional[Tensor] = None) -> Tensor:
        """Mean loss over the anchors that have a negative, scalar.

        An anchor is its own positive if it has no other.

        Args:
            features (Tensor): (B, D) anchors, not normalised.
            labels (Tensor): (B,) identities.
            pool (Tensor, optional): (M, D) positives and negatives are taken
                from here. Default: the anchors.
            pool_labels (Tensor, optional): (M,).
        """
        pool = features if pool is None else pool
        pool_labels = labels if pool_labels is None else pool_labels
        distance = pairwise_distance(features, pool)
        same = labels[:, None] == pool_labels
        positive = distance.masked_fill(~same, -torch.inf).amax(1)
        negative = distance.masked_fill(same, torch.inf).amin(1)
        usable = torch.isfinite(negative)
        gap = torch.where(usable, positive - negative, 0)
        losses = F.softplus(gap) if self.margin is None else (
            gap + self.margin).clamp(min=0)
        return (losses * usable).sum() / usable.sum().clamp(min=1)
