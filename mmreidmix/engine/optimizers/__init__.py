from .alternating import (
                          AlternatingOptimWrapper,
                          AlternatingOptimWrapperConstructor,
)
from .bf16_optim_wrapper import Bf16OptimWrapper

__all__ = [
    'AlternatingOptimWrapper', 'AlternatingOptimWrapperConstructor',
    'Bf16OptimWrapper'
]
