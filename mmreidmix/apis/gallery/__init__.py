"""The store of images one searches for a person in."""

from .gallery import Gallery, Match
from .image_table import Entry
from .log_records import GalleryError

__all__ = ['Entry', 'Gallery', 'GalleryError', 'Match']
