from .camera_colours import CameraColours
from .loading import ImageReadError, LoadReIDImage, read_image
from .packing import PackReIDInputs
from .two_views import TwoViews

__all__ = [
    'CameraColours', 'ImageReadError', 'LoadReIDImage', 'PackReIDInputs',
    'TwoViews', 'read_image'
]
