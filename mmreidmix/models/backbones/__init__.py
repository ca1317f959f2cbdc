"""Backbones that MMPretrain does not have."""

from .osnet import OSNet
from .resnet_ibn import ResNetIBN

__all__ = ['OSNet', 'ResNetIBN']
