"""CUHK01 (Li et al., ACCV 2012)."""

import re

import numpy as np

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import read_folder
from .split_dataset import SplitDataset


@DATASETS.register_module()
class CUHK01(SplitDataset):
    """CUHK01, 971 people, two images in each of two cameras.

    A test has 486 people, camera a as query and camera b as gallery, two
    images each. These are the people of pair P1 of CUHK02: never train on one
    and test on the other.

    Args:
        *args: See :class:`SplitDataset`.
        **kwargs: See :class:`SplitDataset`.
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

    def load_records(self) -> ReIDRecords:
        """Read the folder, then pick the people and the camera."""
        folder = self.find_folder(
            ('campus', '.') if self.data_root.name == 'campus' else
            ('campus', ))
        paths, matches = read_folder(self, folder, self.pattern)
        records = ReIDRecords.from_columns(
            paths, [int(m['pid']) for m in matches],
            [int(m['image'] in '34') for m in matches])
        if self.subset == 'all':
            return records
        train, test = self.halves(records.pids.tolist())
        if self.subset == 'train':
            return records.select(np.isin(records.pids, train))
        camera = int(self.subset == 'gallery')
        return records.select(
            np.isin(records.pids, test) & (records.camids == camera))
