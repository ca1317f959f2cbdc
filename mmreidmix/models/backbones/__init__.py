"""Backbones that MMPretrain does not have, or not with these options."""

from .mobilenet_v2 import MobileNetV2
from .osnet import OSNet
from .resnet import ResNet
from .resnet_ibn import ResNetIBN
from .timm_backbone import TimmBackbone
from .vision_transformer import VisionTransformer

__all__ = [
    'MobileNetV2', 'OSNet', 'ResNet', 'ResNetIBN', 'TimmBackbone',
    'VisionTransformer'
]
