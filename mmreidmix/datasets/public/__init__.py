"""Loaders of public data sets, one file each."""

from .cuhk03_np import CUHK03NP
from .dukemtmc_reid import DukeMTMCReID
from .luperson import LUPerson
from .market1501 import Market1501
from .msmt17 import MSMT17
from .personx import PersonX
from .pku_reid import PKUReid
from .randperson import RandPerson

__all__ = [
    'CUHK03NP', 'DukeMTMCReID', 'LUPerson', 'MSMT17', 'Market1501',
    'PKUReid', 'PersonX', 'RandPerson'
]
