"""PRID2011, single images (Hirzer et al., SCIA 2011)."""

import re
from dataclasses import replace

import numpy as np

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
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

    def read_images(self) -> ReIDRecords:
        """Read both cameras and tell their strangers apart."""
        records = self.read_cameras('prid_2011', 'single_shot/cam_a',
                                    'single_shot/cam_b')
        pids = records.pids
        of_b = (pids > _SHARED) & (records.camids == 1)
        return replace(
            records, pids=np.where(of_b, pids + _STRANGERS_OF_B, pids))

    def train_pids(self, pids: np.ndarray) -> list[int]:
        """Training identities: half of those in both cameras."""
        return super().train_pids(pids[pids <= _SHARED])

    def select_test(self, records: ReIDRecords) -> ReIDRecords:
        """Queries of camera a that have a match; all others of camera b."""
        if self.subset == 'query':
            records = records.select(records.pids <= _SHARED)
        return super().select_test(records)
