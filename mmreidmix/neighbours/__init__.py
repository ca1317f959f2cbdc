"""Nearest neighbours and what is computed on them: arrays in, arrays out."""

from .expansion import expand_neighbours
from .k_reciprocal import k_reciprocal_encoding
from .knn_search import knn, neighbour_recall, normalise_rows

__all__ = [
    'expand_neighbours', 'k_reciprocal_encoding', 'knn', 'neighbour_recall',
    'normalise_rows'
]
