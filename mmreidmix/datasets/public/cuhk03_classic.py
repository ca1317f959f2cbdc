"""CUHK03 in the classic protocol (Li et al., CVPR 2014)."""

import json
import re
from typing import Any, Union

import numpy as np

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset, numbered

NUM_SPLITS = 20
_IMAGES = {'detected': 14_097, 'labeled': 14_096}


@DATASETS.register_module()
class CUHK03Classic(FolderDataset):
    """CUHK03, 1,467 people, 20 splits of which each tests on 100.

    Query and gallery are the same images, those of the test people; only
    images of the other view are in a query's list. The protocol draws one
    gallery image per person (``ReIDMetric(single_shot={})``) and takes the
    mean of the splits (:class:`SplitReIDMetric`). The images are written by
    ``tools/dataset_converters/cuhk03_mat.py``.

    Args:
        split (int): 0 to 19, the order of ``testsets`` in cuhk-03.mat.
        boxes (str): 'detected' or 'labeled' (drawn by hand).
        **kwargs: see :class:`BaseReIDDataset`.

    Raises:
        ValueError: also if the file does not hold the 20 splits.
    """

    camera_names = numbered(2)
    pattern = re.compile(r'(?P<pair>[1-5])_(?P<pid>\d{3})_(?P<cam>[12])_'
                         r'\d{2}\.png')
    tree = '''
  cuhk03_release/images_detected/1_001_1_01.png     and images_labeled/
  cuhk03_release/testsets.json
as tools/dataset_converters/cuhk03_mat.py writes them from
cuhk03_release/cuhk-03.mat
'''
    obtain = 'form on the CUHK page (academic use)'

    def __init__(self,
                 *args: Any,
                 split: int = 0,
                 boxes: str = 'detected',
                 **kwargs: Any):
        check_choice(self, range(NUM_SPLITS), split=split)
        check_choice(self, tuple(_IMAGES), boxes=boxes)
        self.split = split
        self.boxes = boxes
        self.toy_layout = f'cuhk03-classic-{boxes}'
        super().__init__(*args, **kwargs)

    @property
    def canonical_name(self) -> str:
        """Name with the kind of boxes and the split."""
        if self.subset == 'all':
            return f'cuhk03-all-{self.boxes}'
        return f'cuhk03-classic-{self.boxes}-{self.split}'

    @property
    def expected(self) -> dict[str, tuple[int, int, int]]:
        """Identities of each part; the images of a part vary."""
        found = len(self.records)
        return {
            'train': (found, 1367, 2),
            'query': (found, 100, 2),
            'gallery': (found, 100, 2),
            'all': (_IMAGES[self.boxes], 1467, 2)
        }

    def load_records(self) -> ReIDRecords:
        """Read the folder and pick the people of the part."""
        images = f'images_{self.boxes}'
        folder = self.find_folder((f'cuhk03_release/{images}', images))
        records = self.read_folder(
            [folder], pid=lambda match: _identity(match['pair'], match['pid']))
        if self.subset == 'all':
            return records
        test_pids = self._test_pids(folder[:-len(images)])
        tested = np.isin(records.pids, test_pids)
        return records.select(tested == (self.subset != 'train'))

    def _test_pids(self, top: str) -> list[int]:
        path = self.find_file(f'{top}testsets.json')
        try:
            splits = json.loads(path.read_text())
            lists = [[_identity(*person) for person in split]
                     for split in splits]
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'{path} can not be read as lists of [pair, identity]: '
                f'{error!r}; write it again with '
                'tools/dataset_converters/cuhk03_mat.py') from error
        if len(lists) != NUM_SPLITS:
            raise ValueError(f'{path}: {len(lists)} splits, expected '
                             f'{NUM_SPLITS}; write it again with '
                             'tools/dataset_converters/cuhk03_mat.py')
        return lists[self.split]


def _identity(pair: Union[int, str], pid: Union[int, str]) -> int:
    # identities restart in each pair of cameras
    return 1000 * int(pair) + int(pid)
