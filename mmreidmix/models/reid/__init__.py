from .baseline import ReIDBaseline
from .cluster_contrast import ClusterContrast
from .daam import DAAM
from .domainmix import DomainMix
from .momentum import MomentumEncoder
from .remix import ReMix

__all__ = [
    'ClusterContrast', 'DAAM', 'DomainMix', 'MomentumEncoder', 'ReIDBaseline',
    'ReMix'
]
