"""The domain-specific branch of DAAM."""

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmreidmix.distributed import count_roles
from mmreidmix.registry import MODELS
from mmreidmix.structures import TrainingBatch


@MODELS.register_module()
class DomainSpecificHead(BaseModule):
    """Tells the role of an image from its domain-specific features.

    BatchNorm and a linear classifier on the pooled map (1 - A) F. It gives
    the split by attention something to hold in that map; without a loss on
    it, A = 1 would be best for the identity loss. Not used at test time. A
    reconstruction of the DSP branch of DAAM (arXiv 1905.10529).

    Args:
        in_channels (int): channels of the map.
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.
    """

    def __init__(self, in_channels: int, init_cfg=None):
        super().__init__(init_cfg)
        self.bn = nn.BatchNorm1d(in_channels)
        self.classifier = nn.Linear(in_channels, 2)

    def forward(self, features: Tensor) -> Tensor:
        """Domain logits (B, 2) of pooled specific features (B, C)."""
        return self.classifier(self.bn(features))

    def loss(self, batch: TrainingBatch) -> Tensor:
        """Cross-entropy of the roles of a batch with attention.

        It is 0, with a graph, where no process has an image of one of the
        roles: one class alone teaches nothing.
        """
        roles = batch.roles
        both = (count_roles(roles) > 0).all()
        logits = self(batch.attended.pooled_specific())
        return F.cross_entropy(logits, roles) * both
