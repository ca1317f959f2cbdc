"""Softmax classification of identities."""

import torch.nn.functional as F
from torch import Tensor, nn

from mmreidmix.checks import check_above, check_fraction
from mmreidmix.registry import MODELS


@MODELS.register_module()
class IdentityLoss(nn.Module):
    """Cross-entropy with label smoothing and a temperature.

    mean_i - sum_k t_ik log softmax(z_i / T)_k with
    t_ik = (1 - s) [k = y_i] + s / C (C classes). DomainMix:
    T = 2, s = 0.1 (``WangWenhao0716/DomainMix``, ``dg/loss/crossentropy.py``).

    Args:
        label_smoothing (float): s in [0, 1).
        temperature (float): T > 0.
    """

    def __init__(self, label_smoothing: float = 0.1, temperature: float = 1.0):
        super().__init__()
        check_fraction(self, label_smoothing=label_smoothing)
        check_above(self, 0, temperature=temperature)
        self.label_smoothing = label_smoothing
        self.temperature = temperature

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Scalar loss of logits (B, C) for labels (B,)."""
        return F.cross_entropy(logits / self.temperature, labels,
                               label_smoothing=self.label_smoothing)
