"""MARS (Zheng et al., ECCV 2016), frame by frame."""

import re

import numpy as np

from mmreidmix.checks import check_choice
from mmreidmix.datasets.file_names import list_folders
from mmreidmix.registry import DATASETS

from ..reid_dataset import BaseReIDDataset, ReIDRecords
from .folders import read_folder
from .market_layout import numbered

_MOST_TRACKS = 10_000


@DATASETS.register_module()
class MARS(BaseReIDDataset):
    """MARS as images: the frames of 6 cameras with their tracklets.

    For training only: the test of MARS compares tracklets, not frames.
    'train' is ``bbox_train``, 'all' adds ``bbox_test`` without its junk
    (00-1) and its distractors (0000). The same place and people as
    Market-1501: never train on one and test on the other.

    Args:
        *args: See :class:`BaseReIDDataset`.
        **kwargs: See :class:`BaseReIDDataset`.
    """

    canonical_name = 'mars'
    camera_names = numbered(6)
    junk_pids = (-1, )
    distractor_pids = (0, )
    pattern = re.compile(r'(?P<pid>00-1|\d{4})C(?P<cam>[1-6])T(?P<track>\d{4})'
                         r'F\d{3,}\.jpg')
    expected = {'train': (509914, 625, 6)}
    tree = '''
  bbox_train/0001/0001C1T0001F001.jpg            may lie in mars/
  bbox_test/
'''
    obtain = ("the authors' project page (MARS, Liang Zheng); academic use "
              'only')
    toy_layout = 'mars'

    def load_records(self) -> ReIDRecords:
        """Read the people of one or both folders, number the tracklets."""
        check_choice(self, ('train', 'all'), subset=self.subset)
        names = ('bbox_train', 'bbox_test')
        records = ReIDRecords.concat(
            [self._read(name) for name in
             names[:1 + (self.subset == 'all')]])
        keys = (records.pids.astype(np.int64) * len(self.camera_names)
                + records.camids) * _MOST_TRACKS + records.tracklets
        # what is dropped later leaves no holes in the numbers
        keys[records.pids <= 0] = np.iinfo(keys.dtype).max
        tracklets = np.unique(keys, return_inverse=True)[1]
        return ReIDRecords(records.paths, records.pids, records.camids,
                           tracklets.astype(np.int32))

    def _read(self, name: str) -> ReIDRecords:
        top = self.find_folder((name, f'mars/{name}', f'MARS/{name}'))
        paths, matches = [], []
        for person in list_folders(self.data_root / top):
            found = read_folder(self, f'{top}/{person}', self.pattern)
            self._check_person(f'{top}/{person}', person, found[1])
            paths += found[0]
            matches += found[1]
        return ReIDRecords.from_columns(
            paths,
            [int(m['pid'].replace('00-1', '-1')) for m in matches],
            [int(m['cam']) - 1 for m in matches],
            [int(m['track']) for m in matches])

    def _check_person(self, folder: str, person: str, matches) -> None:
        others = {m['pid'] for m in matches} - {person}
        if others:
            raise ValueError(
                f'{self.data_root / folder}: images of {sorted(others)[:3]} '
                f'in the folder of {person}; unpack MARS again')
