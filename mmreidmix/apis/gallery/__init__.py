"""The store of images one searches for a person in."""

from .base import BaseGallery
from .gallery import Gallery, Match
from .image_table import Entry
from .log_records import GalleryError
from .places import create_gallery, holds_gallery, open_gallery

__all__ = ['BaseGallery', 'Entry', 'Gallery', 'GalleryError', 'Match',
           'create_gallery', 'holds_gallery', 'open_gallery']
