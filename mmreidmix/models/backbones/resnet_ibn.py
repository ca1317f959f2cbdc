"""ResNet with instance and batch normalisation side by side (IBN-a)."""

import torch
from mmpretrain.models.backbones.resnet import ResLayer
from torch import Tensor, nn

from mmreidmix.registry import MODELS

from .resnet import ResNet


class IBN(nn.Module):
    """Instance normalisation of the first half of the channels, else batch."""

    def __init__(self, channels: int):
        super().__init__()
        self.half = channels // 2
        self.IN = nn.InstanceNorm2d(self.half, affine=True)
        self.BN = nn.BatchNorm2d(channels - self.half)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, channels, h, w)."""
        first, second = x.split([self.half, x.shape[1] - self.half], dim=1)
        return torch.cat([self.IN(first), self.BN(second)], dim=1)


@MODELS.register_module()
class ResNetIBN(ResNet):
    """ResNet-IBN-a: IBN after the first convolution of blocks 1 to 3.

    "Two at Once: Enhancing Learning and Generalization Capacities via
    IBN-Net", Pan et al., ECCV 2018, https://arxiv.org/abs/1807.09441. Keys
    are those of https://github.com/XingangPan/IBN-Net, without ``fc``. Takes
    the options of :class:`ResNet`.

    Args:
        depth (int): 18, 34, 50, 101 or 152.
        **kwargs: see :class:`ResNet`.
    """

    def make_res_layer(self, **kwargs) -> ResLayer:
        """Build one stage; the last one keeps plain BN, as in IBN-Net."""
        stage = super().make_res_layer(**kwargs)
        if len(self.res_layers) < 3:
            for block in list(stage)[:kwargs['num_blocks']]:
                setattr(block, block.norm1_name, IBN(block.mid_channels))
        return stage
