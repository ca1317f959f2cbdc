"""Use of trained models."""

from .comparison import Comparison
from .gallery import Gallery, GalleryError, Match
from .inferencer import ReIDInferencer

__all__ = ['Comparison', 'Gallery', 'GalleryError', 'Match', 'ReIDInferencer']
