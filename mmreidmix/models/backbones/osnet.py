"""OSNet: omni-scale feature learning with a very small network."""

from functools import partial
from typing import Optional, Union

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmreidmix.checks import check_choice
from mmreidmix.registry import MODELS

ConvBN = partial(ConvModule, norm_cfg=dict(type='BN'))


class LightConv3x3(nn.Module):
    """Depthwise separable 3x3 convolution, pointwise part first.

    ``1x1 (linear) -> 3x3 depthwise -> BN -> ReLU``, section 3.1 of the paper.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1,
                               groups=out_channels, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, out_channels, h, w)."""
        return self.relu(self.bn(self.conv2(self.conv1(x))))


class AggregationGate(nn.Module):
    """Input-dependent weight per channel, eq. 5 of the paper."""

    def __init__(self, channels: int, reduction: int = 16):
        super().__init__()
        hidden = channels // reduction
        self.global_avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels of (B, channels, h, w)."""
        weight = self.fc2(self.relu(self.fc1(self.global_avgpool(x))))
        return x * weight.sigmoid()


class OSBlock(nn.Module):
    """Omni-scale residual block, figure 4 of the paper.

    Four streams of one to four light 3x3 convolutions see 3x3, 5x5, 7x7 and
    9x9 pixels; one gate, shared by the streams, weighs their sum.

    Args:
        in_channels (int): of the map.
        out_channels (int): a multiple of four.
        instance_norm (str, optional): 'sum': of the sum with the shortcut;
            'residual': of what is added to the shortcut, in place of BN.
    """

    def __init__(self, in_channels: int, out_channels: int,
                 instance_norm: Optional[str] = None):
        super().__init__()
        mid = out_channels // 4

        def stream(depth: int) -> nn.Sequential:
            return nn.Sequential(
                *(LightConv3x3(mid, mid) for _ in range(depth)))

        self.conv1 = ConvBN(in_channels, mid, 1)
        self.conv2a = LightConv3x3(mid, mid)
        self.conv2b, self.conv2c, self.conv2d = map(stream, (2, 3, 4))
        self.gate = AggregationGate(mid)
        inside = instance_norm == 'residual'
        self.conv3 = (ConvModule if inside else ConvBN)(
            mid, out_channels, 1, bias=False, act_cfg=None)
        self.IN = None if instance_norm is None else nn.InstanceNorm2d(
            out_channels, affine=True)
        self.normalise_sum = instance_norm == 'sum'
        self.downsample = None if in_channels == out_channels else ConvBN(
            in_channels, out_channels, 1, act_cfg=None)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, in_channels, h, w) to (B, out_channels, h, w)."""
        identity = x if self.downsample is None else self.downsample(x)
        x = self.conv1(x)
        streams = (self.conv2a, self.conv2b, self.conv2c, self.conv2d)
        x = sum(self.gate(stream(x)) for stream in streams)
        x = self.conv3(x)
        if self.IN is None:
            return self.relu(x + identity)
        return self.relu(
            self.IN(x + identity) if self.normalise_sum
            else self.IN(x) + identity)


def _stage(in_channels: int, out_channels: int,
           norms: tuple = (None, None)) -> nn.Sequential:
    return nn.Sequential(
        OSBlock(in_channels, out_channels, norms[0]),
        OSBlock(out_channels, out_channels, norms[1]))


def _halving(channels: int) -> nn.Sequential:
    return nn.Sequential(ConvBN(channels, channels, 1), nn.AvgPool2d(2))


#: Instance normalisation of both blocks of conv2, conv3 and conv4.
_NORMS = {
    None: ((None, None), ) * 3,
    'ibn': (('sum', 'sum'), (None, None), (None, None)),
    'ain': (('residual', 'residual'), (None, 'residual'),
            ('residual', None)),
}


@MODELS.register_module()
class OSNet(BaseModule):
    """OSNet without its pooling and embedding layer.

    "Omni-Scale Feature Learning for Person Re-Identification", Zhou et al.,
    ICCV 2019, https://arxiv.org/abs/1905.00953. Parameters are named as in
    the authors' repository, https://github.com/KaiyangZhou/deep-person-reid,
    so its files convert with ``tools/model_converters/convert_weights.py``.

    The map is 16 times smaller than the image. Pooling and the embedding
    layer (512-d) that the authors call ``fc`` belong to the model's neck::

        neck=dict(type='mmpretrain.LinearNeck', in_channels=128,
                  out_channels=512, gap_dim=2, norm_cfg=dict(type='BN1d'),
                  act_cfg=dict(type='ReLU'))

    Args:
        width (float): factor on the number of channels: 0.25, 0.5, 0.75
            or 1.0.
        in_channels (int): channels of the image.
        init_cfg (dict | list[dict], optional): how to set the weights.
            Default: Kaiming for convolutions, one for the scale of BN.
        instance_norm (str, optional): 'ibn': of the stem and behind the
            blocks of conv2, as the authors' ``osnet_ibn_x1_0``; 'ain': of
            the stem and inside the blocks that a search chose, as
            ``osnet_ain_x1_0`` ("Learning Generalisable Omni-Scale
            Representations for Person Re-Identification", Zhou et al., TPAMI
            2021, https://arxiv.org/abs/1910.06827).

    Attributes:
        feat_dim (int): channels of the output: 128, 256, 384 or 512.
        width (float): as given.
        instance_norm (str, optional): as given.

    Examples:
        >>> import torch
        >>> OSNet(width=0.25)(torch.rand(2, 3, 256, 128))[-1].shape
        torch.Size([2, 128, 16, 8])
    """

    widths = (0.25, 0.5, 0.75, 1.0)

    def __init__(self, width: float = 0.25, in_channels: int = 3,
                 init_cfg: Optional[Union[dict, list]] = None,
                 instance_norm: Optional[str] = None):
        check_choice(self, self.widths, width=width)
        check_choice(self, _NORMS, instance_norm=instance_norm)
        super().__init__(init_cfg if init_cfg is not None else [
            dict(type='Kaiming', layer='Conv2d'),
            dict(type='Constant', layer='_BatchNorm', val=1)
        ])
        stem, first, second, third = (
            int(channels * width) for channels in (64, 256, 384, 512))
        self.conv1 = ConvBN(in_channels, stem, 7, stride=2, padding=3)
        if instance_norm is not None:
            self.conv1.bn = nn.InstanceNorm2d(stem, affine=True)
        self.width, self.instance_norm = width, instance_norm
        norms = _NORMS[instance_norm]
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = nn.Sequential(
            *_stage(stem, first, norms[0]), _halving(first))
        self.conv3 = nn.Sequential(
            *_stage(first, second, norms[1]), _halving(second))
        self.conv4 = _stage(second, third, norms[2])
        self.conv5 = ConvBN(third, third, 1)
        self.feat_dim = third

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Map images (B, in_channels, H, W) to (B, feat_dim, H/16, W/16)."""
        x = self.maxpool(self.conv1(x))
        for stage in (self.conv2, self.conv3, self.conv4, self.conv5):
            x = stage(x)
        return (x, )
