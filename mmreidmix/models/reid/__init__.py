"""The methods: a class each, over a common base."""

from .attention import AttentiveReID
from .base import BaseReID
from .baseline import ReIDBaseline
from .cluster_contrast import ClusterContrast
from .daam import DAAM
from .domainmix import DomainMix
from .remix import ReMix

__all__ = [
    'AttentiveReID', 'BaseReID', 'ClusterContrast', 'DAAM', 'DomainMix',
    'ReIDBaseline', 'ReMix'
]
