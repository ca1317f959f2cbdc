"""PRID2011, single images (Hirzer et al., SCIA 2011)."""

import re

import numpy as np

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import read_folder
from .split_dataset import SplitDataset

# Only these are the same people in both cameras.
_SHARED = 200
_STRANGERS_OF_B = 1000


@DATASETS.register_module()
class PRID2011(SplitDataset):
    """PRID2011 single-shot: 200 people in both cameras, others in one.

    Above 0200 the numbers of the two cameras are different people, so 1000 is
    added to those of camera b. A test has 100 queries from camera a, and from
    camera b their 100 images and 549 of people nobody asks for.

    Args:
        *args: See :class:`SplitDataset`.
        **kwargs: See :class:`SplitDataset`.
    """

    set_name = 'prid'
    camera_names = ('a', 'b')
    pattern = re.compile(r'person_(?P<pid>\d{4})\.png')
    sizes = {
        'train': (200, 100, 2),
        'query': (100, 100, 1),
        'gallery': (649, 649, 1),
        'all': (1134, 934, 2)
    }
    tree = '''
  prid_2011/single_shot/cam_a/person_0001.png
  prid_2011/single_shot/cam_b/
'''
    obtain = 'project page of TU Graz (PRID 2011); research use'
    toy_layout = 'prid'

    def load_records(self) -> ReIDRecords:
        """Read both cameras, then pick the people and the camera."""
        records = ReIDRecords.concat([self._read(0), self._read(1)])
        if self.subset == 'all':
            return records
        pids, camids = records.pids, records.camids
        train, test = self.halves(pids[pids <= _SHARED].tolist())
        if self.subset == 'train':
            mask = np.isin(pids, train)
        elif self.subset == 'query':
            mask = np.isin(pids, test) & (camids == 0)
        else:
            mask = ~np.isin(pids, train) & (camids == 1)
        return records.select(mask)

    def _read(self, camera: int) -> ReIDRecords:
        name = f'single_shot/cam_{self.camera_names[camera]}'
        folder = self.find_folder((f'prid_2011/{name}', name))
        paths, matches = read_folder(self, folder, self.pattern)
        pids = np.array([int(m['pid']) for m in matches])
        pids[pids > _SHARED] += camera * _STRANGERS_OF_B
        return ReIDRecords.from_columns(paths, pids, [camera] * len(paths))
