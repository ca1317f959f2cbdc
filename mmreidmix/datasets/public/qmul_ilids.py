"""QMUL i-LIDS, the 119 people (Zheng et al., BMVC 2009)."""

import re

import numpy as np

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import numbered
from .split_dataset import SplitDataset, hashed_order


@DATASETS.register_module()
class QMULiLIDS(SplitDataset):
    """QMUL i-LIDS: 119 people of an airport, 2 to 8 images each.

    A test draws two images of each test person, one for the query and one
    for the gallery. The cameras are not known: as everywhere, ``camid`` is
    the number of the image of its person, which only keeps matches from
    being left out as of the same camera. Do not train camera-aware losses
    on it.

    Not iLIDS-VID (300 people, video), of which frames go round as 'iLIDS'.
    """

    set_name = 'ilids119'
    camera_names = numbered(8)
    pattern = re.compile(r'(?P<pid>\d{4})00(?P<cam>[1-8])\.jpg')
    sizes = {
        'query': (60, 60, None),
        'gallery': (60, 60, None),
        'all': (476, 119, 8)
    }
    expected_per_camera = {'all': (119, 119, 97, 64, 40, 25, 8, 4)}
    tree = '''
  i-LIDS_Pedestrian/Persons/0001001.jpg          or QMUL-iLIDS/images/
'''
    obtain = ('project page of Queen Mary University of London (i-LIDS '
              'pedestrians); research use')
    toy_layout = 'ilids119'

    def read_images(self) -> ReIDRecords:
        """Read the folder."""
        return self.read_folder(
            ('i-LIDS_Pedestrian/Persons', 'QMUL-iLIDS/images', 'Persons',
             'images'))

    def select_test(self, records: ReIDRecords) -> ReIDRecords:
        """First or second drawn image of each person."""
        which = int(self.subset == 'gallery')
        drawn = np.zeros(len(records), bool)
        for pid in np.unique(records.pids):
            rows = np.flatnonzero(records.pids == pid)
            images = records.camids[rows] + 1
            order = hashed_order(images.tolist(),
                                 f'{self.set_name}/{self.split}/image/{pid}')
            drawn[rows[np.isin(images, order[which:which + 1])]] = True
        return records.select(drawn)
