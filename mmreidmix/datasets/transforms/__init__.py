from .loading import ImageReadError, LoadReIDImage, read_image
from .packing import PackReIDInputs

__all__ = ['ImageReadError', 'LoadReIDImage', 'PackReIDInputs', 'read_image']
