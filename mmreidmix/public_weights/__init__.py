"""Checkpoints of other projects: recognised and renamed, a file for each."""

from .family import Family, Network, Preprocessing
from .recognise import FAMILIES, SOURCES, Converted, convert, families_of

__all__ = [
    'FAMILIES', 'SOURCES', 'Converted', 'Family', 'Network', 'Preprocessing',
    'convert', 'families_of'
]
