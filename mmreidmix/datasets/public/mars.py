"""MARS (Zheng et al., ECCV 2016), frame by frame."""

import re
from dataclasses import replace

import numpy as np

from mmreidmix.checks import name_some
from mmreidmix.datasets.file_names import list_folders
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset, cam_group, numbered

_MOST_TRACKS = 10_000


@DATASETS.register_module()
class MARS(FolderDataset):
    """MARS as images: the frames of 6 cameras with their tracklets.

    For training only: the test of MARS compares tracklets, not frames.
    'train' is ``bbox_train``, 'all' adds ``bbox_test`` without its junk
    (00-1) and its distractors (0000). The same place and people as
    Market-1501: never train on one and test on the other.
    """

    subsets = ('train', 'all')
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
        names = ['bbox_train']
        if self.subset == 'all':
            names.append('bbox_test')
        records = ReIDRecords.concat([self._read(name) for name in names])
        keys = (records.pids.astype(np.int64) * len(self.camera_names)
                + records.camids) * _MOST_TRACKS + records.tracklets
        # what is dropped later leaves no holes in the numbers
        keys[records.pids <= 0] = np.iinfo(keys.dtype).max
        tracklets = np.unique(keys, return_inverse=True)[1]
        return replace(records, tracklets=tracklets.astype(np.int32))

    def _read(self, name: str) -> ReIDRecords:
        top = self.find_folder((name, f'mars/{name}', f'MARS/{name}'))
        paths: list[str] = []
        matches: list[re.Match] = []
        for person in list_folders(self.data_root / top):
            folder = f'{top}/{person}'
            found = self.match_folder([folder])
            others = {match['pid'] for match in found[1]} - {person}
            if others:
                raise ValueError(
                    f'{self.data_root / folder}: images of '
                    f'{name_some(sorted(others), 3)} in the folder of '
                    f'{person}; unpack MARS again')
            paths += found[0]
            matches += found[1]
        return ReIDRecords.from_columns(
            paths,
            [int(match['pid'].replace('00-1', '-1')) for match in matches],
            [cam_group(match) for match in matches],
            [int(match['track']) for match in matches])
