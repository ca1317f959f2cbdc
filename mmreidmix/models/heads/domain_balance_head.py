"""The discriminator of DomainMix and the two losses it takes part in."""

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.func import functional_call

from mmreidmix.checks import check_above
from mmreidmix.registry import MODELS


@MODELS.register_module()
class DomainBalanceHead(BaseModule):
    """Tells labelled from unlabelled images; the encoder learns to hide it.

    An MLP with BatchNorm and LeakyReLU(0.2) behind each hidden layer. It
    learns by ``loss_discriminator`` alone, on features without gradient; the
    encoder learns by ``loss_balance`` alone, through weights without
    gradient. Source: ``WangWenhao0716/DomainMix`` (``dg/models``,
    ``dg/trainers.py``).

    Args:
        in_channels (int): width D of the features.
        hidden_channels (Sequence[int]): widths of the hidden layers, by
            default as released.
        temperature (float): divides the logits in the discriminator's loss
            only (2 in the released code, 1 in the fixed recipe).
        loss_balance (dict): config of the loss over domain logits (B, 2).
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.
    """

    def __init__(
            self,
            in_channels: int,
            hidden_channels: Sequence[int] = (1024, 512, 256),
            temperature: float = 1.0,
            loss_balance: dict = dict(type='DomainBalanceLoss'),  # noqa: B006
            init_cfg=None):
        super().__init__(init_cfg)
        check_above(self, 0, temperature=temperature)
        self.temperature = temperature
        self.loss_balance_module = MODELS.build(loss_balance)
        layers, width = [], in_channels
        for hidden in hidden_channels:
            layers += [nn.Linear(width, hidden), nn.BatchNorm1d(hidden),
                       nn.LeakyReLU(0.2)]
            width = hidden
        self.layers = nn.Sequential(*layers, nn.Linear(width, 2))

    def forward(self, features: Tensor) -> Tensor:
        """Domain logits (B, 2) of features (B, D)."""
        return self.layers(features)

    def loss_discriminator(self, features: Tensor, roles: Tensor) -> Tensor:
        """Cross-entropy of the roles (B,); no gradient to features (B, D)."""
        logits = self(features.detach())
        return F.cross_entropy(logits / self.temperature, roles)

    def loss_balance(self, features: Tensor) -> Tensor:
        """Domain balance loss of features (B, D); no gradient to the head."""
        weights = {k: v.detach() for k, v in self.layers.named_parameters()}
        logits = functional_call(self.layers, weights, (features, ))
        return self.loss_balance_module(logits)
