from .baseline import ReIDBaseline
from .domainmix import DomainMix

__all__ = ['DomainMix', 'ReIDBaseline']
