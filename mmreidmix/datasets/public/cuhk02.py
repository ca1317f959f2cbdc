"""CUHK02 (Li and Wang, CVPR 2013)."""

import re

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset

_PAIRS = (1, 2, 3, 4, 5)


@DATASETS.register_module()
class CUHK02(FolderDataset):
    """CUHK02, five pairs of cameras with people of their own.

    Identity numbers restart in every pair, so the identity is
    pair * 10000 + number, and the camera is (pair, camera): 10 cameras.
    'train' is P1 to P4; 'query' and 'gallery' are the cameras of P5; methods
    that generalise train on 'all'. P1 are the people of CUHK01.
    """

    canonical_name = 'cuhk02'
    camera_names = tuple(f'P{pair}_cam{cam}' for pair in _PAIRS
                         for cam in (1, 2))
    pattern = re.compile(r'(?P<pid>\d{3,4})_\d+\.png')
    expected = {
        'train': (6308, 1577, 8),
        'query': (478, 239, 1),
        'gallery': (478, 239, 1),
        'all': (7264, 1816, 10)
    }
    tree = '''
  P1/cam1/001_1.png             P1 to P5, cam1 and cam2, may lie in Dataset/
  P1/cam2/
'''
    obtain = 'form on the CUHK page (academic use)'
    toy_layout = 'cuhk02'

    def load_records(self) -> ReIDRecords:
        """Read the folders of the pairs and cameras of the subset."""
        pairs = {'train': _PAIRS[:-1], 'all': _PAIRS}.get(
            self.subset, _PAIRS[-1:])
        cameras = {'query': (1, ), 'gallery': (2, )}.get(self.subset, (1, 2))
        return ReIDRecords.concat(
            [self._read(pair, cam) for pair in pairs for cam in cameras])

    def _read(self, pair: int, cam: int) -> ReIDRecords:
        tops = ('', 'Dataset/', 'cuhk02/', 'cuhk02/Dataset/')
        return self.read_folder(
            (f'{top}P{pair}/cam{cam}' for top in tops),
            pid=lambda match: pair * 10_000 + int(match['pid']),
            camid=lambda match: 2 * (pair - 1) + cam - 1)
