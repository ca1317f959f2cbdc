from mmreidmix.engine.labelling.feature_extraction import extract_embeddings

from .epoch_loop import ResumableEpochLoop
from .hooks import *  # noqa: F401,F403
from .optimizers import *  # noqa: F401,F403

__all__ = ['ResumableEpochLoop', 'extract_embeddings']
