"""Toy pedestrians: procedurally drawn person re-ID data sets."""

from .generator import ToyReport, generate
from .layouts import LAYOUTS
from .styles import STYLES

__all__ = ['LAYOUTS', 'STYLES', 'ToyReport', 'generate']
