from .baseline import ReIDBaseline
from .domainmix import DomainMix
from .momentum import MomentumEncoder
from .remix import ReMix

__all__ = ['DomainMix', 'MomentumEncoder', 'ReIDBaseline', 'ReMix']
