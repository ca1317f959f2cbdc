"""mmreidmix: person re-identification trained from mixtures of data."""

from .compat import allow_checkpoint_types, ensure_torchvision
from .stored_arrays import STAND_INS
from .version import __version__

ensure_torchvision()
allow_checkpoint_types(STAND_INS)

__all__ = ['__version__']
