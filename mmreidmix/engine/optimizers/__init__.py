from .alternating import (
    AlternatingOptimWrapper,
    AlternatingOptimWrapperConstructor,
)
from .bf16_optim_wrapper import Bf16OptimWrapper
from .sharded_optimizer import sharded_optimizer

__all__ = [
    'AlternatingOptimWrapper', 'AlternatingOptimWrapperConstructor',
    'Bf16OptimWrapper', 'sharded_optimizer'
]
