"""CUHK03 in the classic protocol (Li et al., CVPR 2014)."""

import json
import re

import numpy as np

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from ..reid_dataset import BaseReIDDataset, ReIDRecords
from .folders import read_folder
from .market_layout import numbered

NUM_SPLITS = 20
_IMAGES = {'detected': 14_097, 'labeled': 14_096}


@DATASETS.register_module()
class CUHK03Classic(BaseReIDDataset):
    """CUHK03, 1,467 people, 20 splits of which each tests on 100.

    Query and gallery are the same images, those of the test people; only
    images of the other view are in a query's list. The protocol draws one
    gallery image per person (``ReIDMetric(single_shot={})``) and takes the
    mean of the splits (:class:`SplitReIDMetric`). The images are written by
    ``tools/dataset_converters/cuhk03_mat.py``.

    Args:
        split (int): 0 to 19, the order of ``testsets`` in cuhk-03.mat.
        boxes (str): 'detected' or 'labeled' (drawn by hand).
        *args: See :class:`BaseReIDDataset`.
        **kwargs: See :class:`BaseReIDDataset`.

    Raises:
        FileNotFoundError: Also if the file of the splits is missing.
        ValueError: Also if it does not hold the 20 splits.
    """

    camera_names = numbered(2)
    pattern = re.compile(r'(?P<pair>[1-5])_(?P<pid>\d{3})_(?P<view>[12])_'
                         r'\d{2}\.png')
    tree = '''
  cuhk03_release/images_detected/1_001_1_01.png     and images_labeled/
  cuhk03_release/testsets.json
as tools/dataset_converters/cuhk03_mat.py writes them from
cuhk03_release/cuhk-03.mat
'''
    obtain = 'form on the CUHK page (academic use)'

    def __init__(self,
                 *args,
                 split: int = 0,
                 boxes: str = 'detected',
                 **kwargs):
        check_choice(self, range(NUM_SPLITS), split=split)
        check_choice(self, tuple(_IMAGES), boxes=boxes)
        self.split = split
        self.boxes = boxes
        super().__init__(*args, **kwargs)

    @property
    def canonical_name(self) -> str:
        """Name with the kind of boxes and the split."""
        if self.subset == 'all':
            return f'cuhk03-all-{self.boxes}'
        return f'cuhk03-classic-{self.boxes}-{self.split}'

    @property
    def toy_layout(self) -> str:
        """Layout with the same kind of boxes."""
        return f'cuhk03-classic-{self.boxes}'

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
        folder = self.find_folder((f'cuhk03_release/images_{self.boxes}',
                                   f'images_{self.boxes}'))
        paths, matches = read_folder(self, folder, self.pattern)
        records = ReIDRecords.from_columns(
            paths, [_identity(m['pair'], m['pid']) for m in matches],
            [int(m['view']) - 1 for m in matches])
        if self.subset == 'all':
            return records
        top = folder[:-len(f'images_{self.boxes}')]
        tested = np.isin(records.pids, self._test_pids(top))
        return records.select(tested == (self.subset != 'train'))

    def _test_pids(self, top: str) -> list:
        path = self.data_root / top / 'testsets.json'
        if not path.is_file():
            raise self.missing([path])
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


def _identity(pair, pid) -> int:
    # identities restart in each pair of cameras
    return 1000 * int(pair) + int(pid)
