"""ResNet as re-identification projects change it."""

from collections.abc import Sequence
from typing import Any

from mmpretrain.models import ResNet as _ResNet
from mmpretrain.models.backbones.resnet import ResLayer
from torch import Tensor, nn

from mmreidmix.registry import MODELS


class NonLocal(nn.Module):
    """Each position plus a mean over all positions, weighted by products.

    "Non-local Neural Networks", Wang et al., CVPR 2018,
    https://arxiv.org/abs/1711.07971, dot-product form, with the one inner
    channel of fast-reid (``fastreid/layers/non_local.py``).

    Args:
        channels (int): of the map.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.g, self.theta, self.phi = (
            nn.Conv2d(channels, 1, 1) for _ in range(3))
        self.W = nn.Sequential(
            nn.Conv2d(1, channels, 1), nn.BatchNorm2d(channels))
        nn.init.zeros_(self.W[1].weight)  # begins as the identity

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, h, w) to map."""
        g, theta, phi = (
            conv(x).flatten(2) for conv in (self.g, self.theta, self.phi))
        # With one inner channel the products of all pairs need no matrix.
        mean = (phi * g).mean(2, keepdim=True)
        y = (theta * mean).view(len(x), 1, *x.shape[2:])
        return x + self.W(y)


def _behind_block(block: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return block.non_local(output)


@MODELS.register_module()
class ResNet(_ResNet):
    """MMPretrain's ResNet with the stem and extras of other projects.

    Takes the options of ``mmpretrain.ResNet``, whose keys it has. Re-ID uses
    ``strides=(1, 2, 2, 1)``, which gives a map 16 times smaller than the
    image.

    Args:
        depth (int): 18, 34, 50, 101 or 152.
        stem_relu (bool): False: none behind the first BatchNorm, as in
            reid-strong-baseline and MMT.
        stem_pool_ceil (bool): the max pooling of the stem has no padding and
            rounds up, as in fast-reid.
        stage_instance_norm (bool): instance normalisation without weights
            behind all stages but the last, as in BAU.
        non_local (Sequence[int]): how many of the last blocks of each stage
            have a :class:`NonLocal` behind them, as in fast-reid.
        **kwargs: see ``mmpretrain.ResNet``.

    Raises:
        ValueError: ``non_local`` is not a number for each stage.
    """

    def __init__(self,
                 depth: int,
                 stem_relu: bool = True,
                 stem_pool_ceil: bool = False,
                 stage_instance_norm: bool = False,
                 non_local: Sequence[int] = (0, 0, 0, 0),
                 **kwargs: Any):
        if len(non_local) != kwargs.get('num_stages', 4):
            raise ValueError('ResNet: non_local must be a number for each '
                             f'stage, got {non_local}')
        self.stage_instance_norm = stage_instance_norm
        self.non_local = tuple(non_local)
        super().__init__(depth, **kwargs)
        if not stem_relu:
            self.relu = nn.Identity()
        if stem_pool_ceil:
            self.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)

    def make_res_layer(self, **kwargs: Any) -> ResLayer:
        """Build one stage, with what is to be behind its blocks."""
        stage = super().make_res_layer(**kwargs)
        number, channels = len(self.res_layers), stage[-1].out_channels
        count = self.non_local[number]
        for block in list(stage)[len(stage) - count:]:
            block.non_local = NonLocal(channels)
            block.register_forward_hook(_behind_block)
        if self.stage_instance_norm and number < self.num_stages - 1:
            stage.append(nn.InstanceNorm2d(channels))
        return stage
