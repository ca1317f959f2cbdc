"""The classifier over identities, labelled and pseudo."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModule

from mmreidmix.registry import MODELS


@MODELS.register_module()
class IdentityHead(BaseModule):
    """A bias-free linear classifier of which the first C rows are in use.

    The number of pseudo identities changes with every clustering, the size
    of the weight does not: it has room for ``max_classes`` rows and only the
    classes that exist at present are multiplied. For a mixture with N_u
    unlabelled images and clusters of at least m images there are never more
    than N_u // m pseudo identities.

    Args:
        in_channels (int): width D of the features.
        max_classes (int): room for so many identities.
        loss (dict): config of the loss over logits (B, C) and labels (B,).
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`;
            by default N(0, 0.001^2) as in ``WangWenhao0716/DomainMix``.
    """

    def __init__(self,
                 in_channels: int,
                 max_classes: int,
                 loss: dict = dict(type='IdentityLoss'),  # noqa: B006
                 init_cfg=None):
        super().__init__(init_cfg)
        self.weight = nn.Parameter(torch.empty(max_classes, in_channels))
        self.loss_module = MODELS.build(loss)
        nn.init.normal_(self.weight, std=0.001)

    @property
    def max_classes(self) -> int:
        """Room for so many identities."""
        return self.weight.shape[0]

    def check_room(self, num_classes: int) -> None:
        """Raise where the identities do not fit.

        Raises:
            ValueError: naming the option to change.
        """
        if num_classes > self.max_classes:
            raise ValueError(
                f'the identity head has room for {self.max_classes} '
                f'identities, the mixture has {num_classes}: set '
                f'model.id_head.max_classes to at least {num_classes} '
                '(labelled identities + unlabelled images // smallest '
                'cluster)')

    def forward(self, features: torch.Tensor,
                num_classes: int) -> torch.Tensor:
        """Logits (B, C) of features (B, D) for the first C classes."""
        return F.linear(features, self.weight[:num_classes])

    def loss(self, features: torch.Tensor, labels: torch.Tensor,
             num_classes: int) -> torch.Tensor:
        """Scalar loss of features (B, D) with identities labels (B,)."""
        return self.loss_module(self(features, num_classes), labels)

    @torch.no_grad()
    def write_rows(self, first: int, rows: torch.Tensor) -> None:
        """Overwrite the classes ``first``, ``first + 1``, ... by rows (K, D).

        Raises:
            ValueError: they do not fit.
        """
        self.check_room(first + len(rows))
        self.weight[first:first + len(rows)] = rows.to(self.weight)
