"""The store of images one searches for a person in."""
from .gallery import Gallery, Match
from .records import GalleryError
from .rows import Entry

__all__ = ['Entry', 'Gallery', 'GalleryError', 'Match']
