"""Data sets: one domain, the mixture of domains, samplers, transforms."""

from .domain import Domain
from .label_table import LabelTable
from .mixture import DomainMixture
from .public import *  # noqa: F401,F403
from .reid_dataset import BaseReIDDataset, ReIDRecords
from .retrieval_dataset import RetrievalDataset, SharedRetrievalDataset
from .sample_key import SampleKey
from .samplers import *  # noqa: F401,F403
from .source_validation import SourceValidationSet
from .transforms import *  # noqa: F401,F403
from .video import VideoTree

__all__ = [
    'BaseReIDDataset', 'Domain', 'DomainMixture', 'LabelTable',
    'ReIDRecords', 'RetrievalDataset', 'SampleKey',
    'SharedRetrievalDataset', 'SourceValidationSet', 'VideoTree'
]
