"""The store of images one searches for a person in."""
from .gallery import Gallery, Match
from .log_records import GalleryError
from .memory_table import Entry

__all__ = ['Entry', 'Gallery', 'GalleryError', 'Match']
