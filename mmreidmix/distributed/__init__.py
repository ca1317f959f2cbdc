"""Collectives: what several processes compute together."""

from .gather import gather_rows, gather_with_grad
from .means import count_roles, mean_of_usable, mean_over_roles

__all__ = [
    'count_roles', 'gather_rows', 'gather_with_grad', 'mean_of_usable',
    'mean_over_roles'
]
