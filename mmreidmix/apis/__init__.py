"""Use of trained models."""

from .comparison import Comparison
from .inferencer import ReIDInferencer

__all__ = ['Comparison', 'ReIDInferencer']
