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
    comparable_pairs,
    filled_memory,
    log_sum_exp,
    scaled_similarity,
)


@MODELS.register_module()
class CentroidsLoss(nn.Module):
    """Classifies an image by the centres of all identities.

    L_cen = mean_i - log(e^(f_i c_y / t) / sum_k e^(f_i c_k / t)) over the
    centres c_k of all identities, y = that of image i. ReMix (arXiv
    2410.21938); the form is a reconstruction, see docs/en/methods/remix.md.

    Args:
        temperature (float): t > 0. Cosines over thousands of centres need it
            well below 1.
        negatives (str): see :func:`comparable_pairs`.
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
            RuntimeError: the memory does not hold the present identities, or
                not the one camera of each cluster that ``negatives`` needs.
        """
        memory, first = filled_memory(batch, self), batch.num_labelled
        rows = len(memory.labels) - memory.rows_below(first)
        if self.negatives in ('video', 'certain') and (
                not memory.per_camera or rows > memory.num_classes - first):
            raise RuntimeError(
                f'{type(self).__name__}: negatives={self.negatives!r} needs '
                'clusters of one camera each, as ReMixHook makes them, and '
                'model.memory.per_camera = True')
        camids = memory.labels.new_zeros(memory.num_classes)
        camids[memory.labels] = memory.camids
        identities = torch.arange(memory.num_classes, device=camids.device)
        comparable = comparable_pairs(self.negatives, batch, identities,
                                      camids)
        return self.compute(batch.f, batch.labels, memory.centroids,
                            memory.known, comparable)

    def compute(self,
                features: Tensor,
                labels: Tensor,
                centroids: Tensor,
                known: Optional[Tensor] = None,
                comparable: Optional[Tensor] = None) -> Tensor:
        """Mean loss over the images whose identity has a centre, scalar.

        Args:
            features (Tensor): (B, D) unit length.
            labels (Tensor): (B,) rows of centroids.
            centroids (Tensor): (K, D) unit length. A row of zeros is an
                identity without a centre, which takes no part.
            known (Tensor, optional): (K,) bool, which rows are not zero, to
                save looking for them.
            comparable (Tensor, optional): (B, K) bool, where given, the
                centres of the softmax of each image.
        """
        logits = scaled_similarity(features, centroids, self.temperature)
        known = centroids.any(1) if known is None else known
        which = known.expand_as(logits)
        if comparable is not None:
            which = which & comparable
        total = log_sum_exp(logits, which)
        own = logits.gather(1, labels[:, None])[:, 0]
        return mean_of_usable(total - own, known[labels])
