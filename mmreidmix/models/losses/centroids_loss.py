"""The centroids loss of ReMix."""

from typing import Optional

import torch
from torch import Tensor, nn

from mmreidmix.checks import check_above, check_choice
from mmreidmix.distributed import mean_of_usable
from mmreidmix.registry import MODELS
from mmreidmix.structures import TrainingBatch

from .softmax_over_similarities import (
    NEGATIVES,
    comparable,
    filled_memory,
    log_sum_exp,
    negative_groups,
    scaled_similarity,
)


@MODELS.register_module()
class CentroidsLoss(nn.Module):
    """Classifies an image by the centres of all identities.

    L_cen = mean_i - log(e^(f_i c_y / t) / sum_k e^(f_i c_k / t)) over the
    centres c_k of all identities, y = that of image i. ReMix (arXiv
    2410.21938); the form is a reconstruction, see docs/en/methods/remix.md.

    Args:
        temperature (float): t. Cosines over thousands of centres need it
            well below 1.
        negatives (str): see :func:`negative_groups`.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(self, temperature: float = 0.07, negatives: str = 'joint'):
        super().__init__()
        check_above(self, 0, temperature=temperature)
        check_choice(self, NEGATIVES, negatives=negatives)
        self.temperature = temperature
        self.negatives = negatives

    def forward(self, batch: TrainingBatch) -> Tensor:
        """Loss of f (B, D) against the centres in the memory.

        Raises:
            RuntimeError: the memory does not hold the present identities.
        """
        memory = filled_memory(batch, self)
        camids = memory.labels.new_zeros(memory.num_classes)
        # A pseudo identity has one row: it is seen by one camera.
        camids[memory.labels] = memory.camids
        identities = torch.arange(memory.num_classes, device=camids.device)
        groups, centroid_groups = (
            negative_groups(self.negatives, *part, batch.num_labelled)
            for part in ((batch.labels, batch.camids), (identities, camids)))
        return self.compute(batch.f, batch.labels, memory.centroids,
                            memory.known, groups, centroid_groups)

    def compute(self,
                features: Tensor,
                labels: Tensor,
                centroids: Tensor,
                known: Optional[Tensor] = None,
                groups: Optional[Tensor] = None,
                centroid_groups: Optional[Tensor] = None) -> Tensor:
        """Compute the loss of features.

        Args:
            features (Tensor): (B, D) unit length.
            labels (Tensor): (B,) rows of centroids.
            centroids (Tensor): (K, D) unit length. A row of zeros is an
                identity without a centre, which takes no part.
            known (Tensor, optional): (K,) bool, which rows are not zero, to
                save looking for them.
            groups (Tensor, optional): (B,) where given, the other centres are
                those of the image's group, see :func:`comparable`.
            centroid_groups (Tensor, optional): (K,).

        Returns:
            Tensor: scalar, mean over the images whose identity has a centre.
        """
        logits = scaled_similarity(features, centroids, self.temperature)
        known = centroids.any(1) if known is None else known
        which = known.expand_as(logits)
        if groups is not None:
            which = which & comparable(groups, centroid_groups)
        total = log_sum_exp(logits, which)
        own = logits.gather(1, labels[:, None])[:, 0]
        return mean_of_usable(total - own, known[labels])
