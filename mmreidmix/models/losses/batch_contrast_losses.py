"""The instance loss and the augmentation loss of ReMix."""

from abc import ABC, abstractmethod
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
    log_sum_exp,
    mean_over_positives,
    scaled_similarity,
)


class BatchContrastLoss(nn.Module, ABC):
    """Softmax of images over the momentum embeddings of a batch.

    mean_i mean_p - log(e^(f_i m_p / t) / (e^(f_i m_p / t) + sum_n e^(f_i m_n
    / t))): a subclass says what the positives p of an anchor i are; the
    negatives n are images of other identities. ReMix (arXiv 2410.21938); the
    form is a reconstruction, see docs/en/methods/remix.md.

    Args:
        temperature (float): t > 0.
        negatives (str): see :func:`comparable_pairs`.
    """

    def __init__(self, temperature: float = 0.1, negatives: str = 'joint'):
        super().__init__()
        check_above(self, 0, temperature=temperature)
        check_choice(self, NEGATIVES, negatives=negatives)
        self.temperature = temperature
        self.negatives = negatives

    @abstractmethod
    def positives(self, alike: Tensor, own: Tensor) -> Tensor:
        """Positives of each anchor, bool, (B, M).

        Args:
            alike (Tensor): (B, M) bool, keys of the anchor's identity.
            own (Tensor): (B, M) bool, the key of the anchor's own image.
        """

    def forward(self, batch: TrainingBatch) -> Tensor:
        """Loss of f (B, D) against the momentum embeddings of the batch."""
        keys = batch.keys
        comparable = comparable_pairs(self.negatives, batch, keys.labels,
                                      keys.camids)
        return self.compute(batch.f, batch.labels, keys.keys, keys.labels,
                            keys.own, comparable)

    def compute(self,
                features: Tensor,
                labels: Tensor,
                keys: Tensor,
                key_labels: Tensor,
                own: Tensor,
                comparable: Optional[Tensor] = None) -> Tensor:
        """Mean loss over the anchors that have a positive, scalar.

        Args:
            features (Tensor): (B, D) anchors, unit length.
            labels (Tensor): (B,) their identities.
            keys (Tensor): (M, D) momentum embeddings of the batches of all
                processes, unit length.
            key_labels (Tensor): (M,).
            own (Tensor): (B,) where the anchor's own image is among the keys.
            comparable (Tensor, optional): (B, M) bool, where given, the only
                pairs that can be negatives.
        """
        logits = scaled_similarity(features, keys, self.temperature)
        alike = labels[:, None] == key_labels
        negatives = ~alike
        if comparable is not None:
            negatives &= comparable
        own = torch.zeros_like(alike).scatter(1, own[:, None], True)
        positives = self.positives(alike, own)
        losses = mean_over_positives(logits, positives,
                                     log_sum_exp(logits, negatives))
        return mean_of_usable(losses, positives.any(1))


@MODELS.register_module()
class InstanceLoss(BatchContrastLoss):
    """Pulls an image to the others of its identity, away from all the rest.

    L_ins: the positives of :class:`BatchContrastLoss` are the momentum
    embeddings of the other images of the anchor's identity.
    """

    def positives(self, alike: Tensor, own: Tensor) -> Tensor:
        """All images of the identity but the anchor's own."""
        return alike & ~own


@MODELS.register_module()
class AugmentationLoss(BatchContrastLoss):
    """Pulls an augmented image to its own original.

    L_aug: the only positive of :class:`BatchContrastLoss` is the momentum
    embedding of the anchor's own image, which was not augmented.
    """

    def positives(self, alike: Tensor, own: Tensor) -> Tensor:
        """The original of the anchor."""
        return own
