"""Loaders of public data sets, one file each."""

from .cloned_person import ClonedPerson
from .cuhk01 import CUHK01
from .cuhk02 import CUHK02
from .cuhk03_classic import CUHK03Classic
from .cuhk03_np import CUHK03NP
from .cuhk_sysu import CUHKSYSU
from .dukemtmc_reid import DukeMTMCReID
from .grid import GRID
from .luperson import LUPerson
from .market1501 import Market1501
from .mars import MARS
from .msmt17 import MSMT17
from .occluded_duke import OccludedDuke
from .personx import PersonX
from .pku_reid import PKUReid
from .prid2011 import PRID2011
from .qmul_ilids import QMULiLIDS
from .randperson import RandPerson
from .three_dpes import ThreeDPeS
from .unreal_person import UnrealPerson
from .viper import VIPeR

__all__ = [
    'CUHK01', 'CUHK02', 'CUHK03NP', 'CUHKSYSU', 'CUHK03Classic',
    'ClonedPerson', 'DukeMTMCReID', 'GRID', 'LUPerson', 'MARS', 'MSMT17',
    'Market1501', 'OccludedDuke', 'PKUReid', 'PRID2011', 'PersonX',
    'QMULiLIDS', 'RandPerson', 'ThreeDPeS', 'UnrealPerson', 'VIPeR'
]
