"""Building blocks of networks."""

from .grouped_batch_norm import (
    GroupedBatchNorm1d,
    GroupedBatchNorm2d,
    group_batch_norm,
)
from .momentum_encoder import MomentumEncoder

__all__ = [
    'GroupedBatchNorm1d', 'GroupedBatchNorm2d', 'MomentumEncoder',
    'group_batch_norm'
]
