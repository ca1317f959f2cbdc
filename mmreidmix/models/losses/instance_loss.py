"""The instance loss of ReMix."""

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
class InstanceLoss(nn.Module):
    """Pulls an image to the others of its identity, away from all the rest.

    L_ins = mean_i mean_p - log(e^(f_i m_p / t) / (e^(f_i m_p / t) + sum_n
    e^(f_i m_n / t))): anchor f_i of the encoder, positives m_p and negatives
    m_n of the momentum encoder. ReMix (arXiv 2410.21938); the form is a
    reconstruction, see docs/en/methods/remix.md.

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
        """Compute the loss.

        Args:
            features (Tensor): anchors of unit length, shape (B, D).
            labels (Tensor): their identities, shape (B,).
            keys (Tensor): momentum embeddings of the batches of all
                processes, of unit length, shape (M, D).
            key_labels (Tensor): shape (M,).
            same (Tensor): where the anchor's own image is among the keys,
                which is not a positive, shape (B,).
            groups (Tensor, optional): where given, negatives are of the
                anchor's group, shape (B,).
            key_groups (Tensor, optional): shape (M,).

        Returns:
            Tensor: scalar, mean over the anchors that have a positive.
        """
        logits = scaled_similarity(features, keys, self.temperature)
        rivals = rivals_of(labels, key_labels, groups, key_groups)
        alike = labels[:, None] == key_labels[None]
        positives = alike.scatter(1, same[:, None], False)
        losses = mean_over_positives(logits, positives,
                                     log_sum_exp(logits, rivals))
        return mean_of_usable(losses, positives.any(1))
