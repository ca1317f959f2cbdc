"""QMUL i-LIDS, the 119 people (Zheng et al., BMVC 2009)."""

import re
from collections import defaultdict

import numpy as np

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import read_folder
from .market_layout import numbered
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

    Args:
        *args: See :class:`SplitDataset`.
        **kwargs: See :class:`SplitDataset`.
    """

    set_name = 'ilids119'
    camera_names = numbered(8)
    pattern = re.compile(r'(?P<pid>\d{4})(?P<image>00[1-8])\.jpg')
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

    def load_records(self) -> ReIDRecords:
        """Read the folder, then pick people and images."""
        folder = self.find_folder(
            ('i-LIDS_Pedestrian/Persons', 'QMUL-iLIDS/images', 'Persons',
             'images'))
        paths, matches = read_folder(self, folder, self.pattern)
        records = ReIDRecords.from_columns(
            paths, [int(m['pid']) for m in matches],
            [int(m['image']) - 1 for m in matches])
        if self.subset == 'all':
            return records
        train, test = self.halves(records.pids.tolist())
        if self.subset == 'train':
            return records.select(np.isin(records.pids, train))
        return records.select(self._drawn(records, test))

    def _drawn(self, records: ReIDRecords, test: list[int]) -> np.ndarray:
        """Index of the first or second drawn image of each test person."""
        rows = defaultdict(dict)
        for row, (pid, image) in enumerate(
                zip(records.pids.tolist(), records.camids.tolist())):
            rows[pid][image + 1] = row
        which = int(self.subset == 'gallery')
        drawn = []
        for pid in test:
            key = f'{self.set_name}/{self.split}/image/{pid}'
            images = hashed_order(rows[pid], key)
            drawn += [rows[pid][image] for image in images[which:which + 1]]
        return np.array(drawn, int)
