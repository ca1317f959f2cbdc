"""Parts of ResNets, by torchvision, for networks of other projects."""

import torch
from torch import nn

from mmreidmix.compat import ensure_torchvision

torchvision = ensure_torchvision()


class HalfInstanceNorm(nn.Module):
    """IBN: instance norm of half of the channels, batch norm of the rest."""

    def __init__(self, channels):
        super().__init__()
        self.IN = nn.InstanceNorm2d(channels // 2, affine=True)
        self.BN = nn.BatchNorm2d(channels - channels // 2)

    def forward(self, x):
        half = x.shape[1] // 2
        return torch.cat([self.IN(x[:, :half]), self.BN(x[:, half:])], 1)


def resnet(depth=18, ibn=False):
    """Torchvision's network, last stride 1, without its classifier."""
    net = getattr(torchvision.models, f'resnet{depth}')(weights=None)
    del net.fc
    first = net.layer4[0]
    (first.conv1 if depth < 50 else first.conv2).stride = (1, 1)
    first.downsample[0].stride = (1, 1)
    for stage in (net.layer1, net.layer2, net.layer3) if ibn else ():
        for block in stage:
            block.bn1 = HalfInstanceNorm(block.bn1.num_features)
    return net


def stages(net, x, relu=True, pool=None):
    """Map of a ResNet, with or without ReLU in the stem."""
    x = net.bn1(net.conv1(x))
    x = (pool or net.maxpool)(x.relu() if relu else x)
    return net.layer4(net.layer3(net.layer2(net.layer1(x))))


def generalised_mean(x, p):
    """GeM of a map (B, C, h, w)."""
    return x.clamp(min=1e-6).pow(p).mean((2, 3)).pow(1 / p)
