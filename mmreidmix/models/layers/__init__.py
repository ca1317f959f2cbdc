"""Building blocks of networks."""

from .grouped_batch_norm import (
    GroupedBatchNorm1d,
    GroupedBatchNorm2d,
    group_batch_norm,
)
from .last_output import last_output

__all__ = [
    'GroupedBatchNorm1d',
    'GroupedBatchNorm2d',
    'group_batch_norm',
    'last_output',
]
