"""Necks, and attention between backbone and neck."""

from .bnneck import BNNeck
from .daam_neck import AttendedMap, DAAMNeck
from .token_necks import JigsawPatchNeck, PartTokenNeck, ProjectionNeck

__all__ = [
    'AttendedMap', 'BNNeck', 'DAAMNeck', 'JigsawPatchNeck', 'PartTokenNeck',
    'ProjectionNeck'
]
