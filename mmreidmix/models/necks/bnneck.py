"""The batch-norm neck between triplet and classification features."""

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmreidmix.registry import MODELS


@MODELS.register_module()
class BNNeck(BaseModule):
    """BatchNorm without a trained shift, behind the pooled features.

    Luo et al., "Bag of Tricks and a Strong Baseline for Deep Person Re-ID"
    (CVPRW 2019): the triplet loss sees the features before it, the classifier
    and the search the features behind it. Weight 1, bias 0 and frozen.

    Args:
        in_channels (int): width D of the features.
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.
    """

    def __init__(self, in_channels: int, init_cfg=None):
        super().__init__(init_cfg)
        self.bn = nn.BatchNorm1d(in_channels)
        self.bn.bias.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features (B, D)."""
        return self.bn(features)
