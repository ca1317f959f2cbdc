"""Collectives: what several processes compute together."""
from .gather import gather_rows, gather_with_grad
from .means import (
    count_domains,
    mean_count,
    mean_of_usable,
    mean_over_domains,
)

__all__ = [
    'count_domains', 'gather_rows', 'gather_with_grad', 'mean_count',
    'mean_of_usable', 'mean_over_domains'
]
