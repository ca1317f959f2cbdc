"""The augmentation loss of ReMix."""

from typing import Optional

import torch
import torch.nn as nn

from mmreidmix.registry import MODELS

from .contrast import (
    check_positive,
    log_sum_exp,
    mean_of_usable,
    mean_over_positives,
    rivals_of,
    scaled_similarity,
)


@MODELS.register_module()
class AugmentationLoss(nn.Module):
    """Pulls an augmented image to its own original.

    L_aug = mean_i - log(e^(f_i m_i / t) / (e^(f_i m_i / t) + sum_n
    e^(f_i m_n / t))): f_i sees the augmented image, the momentum embedding
    m_i the original one, n runs over originals of other identities. ReMix
    (arXiv 2410.21938); the form is a reconstruction, see
    docs/en/methods/remix.md.

    Args:
        temperature (float): t. Defaults to 0.1.

    Raises:
        ValueError: temperature not above 0.
    """

    def __init__(self, temperature: float = 0.1):
        super().__init__()
        check_positive(self, temperature=temperature)
        self.temperature = temperature

    def forward(self,
                features: torch.Tensor,
                labels: torch.Tensor,
                keys: torch.Tensor,
                key_labels: torch.Tensor,
                same: torch.Tensor,
                groups: Optional[torch.Tensor] = None,
                key_groups: Optional[torch.Tensor] = None) -> torch.Tensor:
        """Compute the loss; arguments as those of :class:`InstanceLoss`.

        Returns:
            Tensor: scalar, mean over all anchors.
        """
        logits = scaled_similarity(features, keys, self.temperature)
        rivals = rivals_of(labels, key_labels, groups, key_groups)
        own = torch.zeros_like(rivals).scatter(1, same[:, None], True)
        losses = mean_over_positives(logits, own, log_sum_exp(logits, rivals))
        return mean_of_usable(losses, own.any(1))
