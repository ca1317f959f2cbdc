"""Necks, and attention between backbone and neck."""

from .bnneck import BNNeck
from .daam_neck import AttendedMap, DAAMNeck

__all__ = ['AttendedMap', 'BNNeck', 'DAAMNeck']
