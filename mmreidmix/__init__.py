"""mmreidmix: person re-identification trained from mixtures of data."""

from .compat import allow_checkpoint_types, ensure_torchvision
from .version import __version__

ensure_torchvision()
allow_checkpoint_types()

__all__ = ['__version__']
