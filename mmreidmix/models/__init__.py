"""Everything that is trained: methods and their parts."""

from mmreidmix.registry import MODELS  # noqa: F401  (before MMPretrain)

from .backbones import *  # noqa: F401,F403
from .data_preprocessor import ReIDDataPreprocessor
from .heads import *  # noqa: F401,F403
from .layers import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .memories import *  # noqa: F401,F403
from .necks import *  # noqa: F401,F403
from .reid import *  # noqa: F401,F403
from .weights import StrictPretrained, load_pretrained

__all__ = ['ReIDDataPreprocessor', 'StrictPretrained', 'load_pretrained']
