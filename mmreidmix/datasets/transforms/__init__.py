from .loading import ImageReadError, LoadReIDImage
from .packing import PackReIDInputs

__all__ = ['ImageReadError', 'LoadReIDImage', 'PackReIDInputs']
