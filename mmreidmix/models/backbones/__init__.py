"""Backbones that MMPretrain does not have, or not with these options."""

from .mobilenet_v2 import MobileNetV2
from .osnet import OSNet
from .resnet import ResNet
from .resnet_ibn import ResNetIBN

__all__ = ['MobileNetV2', 'OSNet', 'ResNet', 'ResNetIBN']
