"""CUHK01 (Li et al., ACCV 2012)."""

import re

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .split_dataset import SplitDataset


@DATASETS.register_module()
class CUHK01(SplitDataset):
    """CUHK01, 971 people, two images in each of two cameras.

    A test has 486 people, camera a as query and camera b as gallery, two
    images each. These are the people of pair P1 of CUHK02: never train on one
    and test on the other.
    """

    set_name = 'cuhk01'
    camera_names = ('a', 'b')
    pattern = re.compile(r'(?P<pid>\d{4})00(?P<image>[1-4])\.png')
    sizes = {
        'train': (1940, 485, 2),
        'query': (972, 486, 1),
        'gallery': (972, 486, 1),
        'all': (3884, 971, 2)
    }
    tree = '''
  campus/0001001.png            001 002 camera a, 003 004 camera b
'''
    obtain = 'form on the CUHK page (academic use)'
    toy_layout = 'cuhk01'

    def read_images(self) -> ReIDRecords:
        """Read the folder."""
        is_top = self.data_root.name == 'campus'
        return self.read_folder(('campus', '.') if is_top else ('campus', ),
                                camid=lambda match: int(match['image']) // 3)
