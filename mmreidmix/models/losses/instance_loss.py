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
    scaled_similarity,
)

SCOPES = ('joint', 'separate')


@MODELS.register_module()
class InstanceLoss(nn.Module):
    """Pulls an image to the others of its identity, away from all the rest.

    L_ins = mean_i mean_p - log(e^(f_i m_p / t) / (e^(f_i m_p / t) + sum_n
    e^(f_i m_n / t))): anchor f_i of the encoder, positives m_p and negatives
    m_n of the momentum encoder. ReMix (arXiv 2410.21938); the form is a
    reconstruction, see docs/en/methods/remix.md.

    Args:
        temperature (float): t. Defaults to 0.1.
        scope (str): where negatives come from: 'joint', the whole batch;
            'separate', images of the anchor's kind of data.

    Raises:
        ValueError: temperature not above 0, or an unknown scope.
    """

    def __init__(self, temperature: float = 0.1, scope: str = 'joint'):
        super().__init__()
        check_positive(self, temperature=temperature)
        if scope not in SCOPES:
            raise ValueError(f'InstanceLoss: scope must be one of {SCOPES}, '
                             f'got {scope!r}')
        self.temperature = temperature
        self.scope = scope

    def forward(self,
                features: torch.Tensor,
                labels: torch.Tensor,
                keys: torch.Tensor,
                key_labels: torch.Tensor,
                same: torch.Tensor,
                kinds: Optional[torch.Tensor] = None,
                key_kinds: Optional[torch.Tensor] = None) -> torch.Tensor:
        """Compute the loss.

        Args:
            features (Tensor): anchors of unit length, shape (B, D).
            labels (Tensor): their identities, shape (B,).
            keys (Tensor): momentum embeddings of the batches of all
                processes, of unit length, shape (M, D).
            key_labels (Tensor): shape (M,).
            same (Tensor): where the anchor's own image is among the keys,
                which is not a positive, shape (B,).
            kinds (Tensor, optional): kind of data, shape (B,).
            key_kinds (Tensor, optional): shape (M,).

        Returns:
            Tensor: scalar, mean over the anchors that have a positive.

        Raises:
            ValueError: scope 'separate' without kinds.
        """
        logits = scaled_similarity(features, keys, self.temperature)
        alike = labels[:, None] == key_labels[None]
        rivals = ~alike
        if self.scope == 'separate':
            if kinds is None or key_kinds is None:
                raise ValueError("InstanceLoss: scope 'separate' needs kinds "
                                 'and key_kinds')
            rivals = rivals & (kinds[:, None] == key_kinds[None])
        positives = alike.scatter(1, same[:, None], False)
        losses = mean_over_positives(logits, positives,
                                     log_sum_exp(logits, rivals))
        return mean_of_usable(losses, positives.any(1))
