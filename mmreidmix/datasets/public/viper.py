"""VIPeR (Gray et al., PETS 2007)."""

import re

import numpy as np

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import read_folder
from .split_dataset import SplitDataset


@DATASETS.register_module()
class VIPeR(SplitDataset):
    """VIPeR, 632 people, one image in each of two cameras.

    Args:
        split (int): 0 to 9, see :class:`SplitDataset`.
        variant (str): 'a' tests on one half of the people with camera a as
            query, 'b' on the other half, 'c' and 'd' are 'a' and 'b' with
            camera b as query. Tables are the mean of the ten splits 'a', or
            of the twenty 'a' and 'c'.
        *args: See :class:`BaseReIDDataset`.
        **kwargs: See :class:`BaseReIDDataset`.
    """

    set_name = 'viper'
    camera_names = ('a', 'b')
    # identities are scattered in 000-873: the name counts, not the position
    pattern = re.compile(r'(?P<pid>\d{3})_\d{1,3}\.bmp')
    sizes = {
        'train': (632, 316, 2),
        'query': (316, 316, 1),
        'gallery': (316, 316, 1),
        'all': (1264, 632, 2)
    }
    tree = '''
  VIPeR/cam_a/000_45.bmp
  VIPeR/cam_b/000_90.bmp
'''
    obtain = 'project page of UC Santa Cruz (VIPeR); research use'
    toy_layout = 'viper'

    def __init__(self, *args, variant: str = 'a', **kwargs):
        check_choice(self, ('a', 'b', 'c', 'd'), variant=variant)
        self.variant = variant
        super().__init__(*args, **kwargs)

    @property
    def canonical_name(self) -> str:
        """Name with split and variant."""
        name = super().canonical_name
        return name if self.subset == 'all' else name + self.variant

    def load_records(self) -> ReIDRecords:
        """Read both cameras, then pick the people and the camera."""
        records = ReIDRecords.concat([self._read(0), self._read(1)])
        if self.subset == 'all':
            return records
        halves = self.halves(records.pids.tolist())
        train, test = halves if self.variant in 'ac' else halves[::-1]
        if self.subset == 'train':
            return records.select(np.isin(records.pids, train))
        camera = int((self.variant in 'cd') == (self.subset == 'query'))
        return records.select(
            np.isin(records.pids, test) & (records.camids == camera))

    def _read(self, camera: int) -> ReIDRecords:
        name = f'cam_{self.camera_names[camera]}'
        folder = self.find_folder((f'VIPeR/{name}', name))
        paths, matches = read_folder(self, folder, self.pattern)
        return ReIDRecords.from_columns(
            paths, [int(m['pid']) for m in matches], [camera] * len(paths))
