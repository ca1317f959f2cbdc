"""GRID, the underground re-identification set (Loy et al., CVPR 2009)."""

import re

import numpy as np
from scipy.io import loadmat

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import numbered
from .split_dataset import NUM_SPLITS, SplitDataset


@DATASETS.register_module()
class GRID(SplitDataset):
    """GRID: 250 people in two of eight cameras, 775 images of others.

    The ten splits are the official ones of ``features_and_partitions.mat``.
    The other people are pid 0000: gallery distractors, never trained on.

    Raises:
        ValueError: also if the file does not hold the ten splits.
    """

    set_name = 'grid'
    camera_names = numbered(8)
    distractor_pids = (0, )
    pattern = re.compile(r'(?P<pid>\d{4})_(?P<cam>[1-8])_.*\.jpe?g')
    sizes = {
        'train': (250, 125, None),
        'query': (125, 125, None),
        'gallery': (900, 125, None),
        'all': (500, 250, None)
    }
    tree = '''
  underground_reid/probe/0001_1_*.jpeg
  underground_reid/gallery/
  underground_reid/features_and_partitions.mat
'''
    obtain = ('project page of Chen Change Loy (QMUL underground '
              're-identification, GRID); research use')
    toy_layout = 'grid'
    _file = 'features_and_partitions.mat'

    def read_images(self) -> ReIDRecords:
        """Read one folder, or both."""
        folders = {'query': ['probe'], 'gallery': ['gallery']}.get(
            self.subset, ['probe', 'gallery'])
        return ReIDRecords.concat([
            self.read_folder((f'underground_reid/{name}', name))
            for name in folders])

    def select_test(self, records: ReIDRecords) -> ReIDRecords:
        """All images: query and gallery are folders."""
        return records

    def train_pids(self, pids: np.ndarray) -> list[int]:
        """Training identities of the official split."""
        probe = self.find_folder(('underground_reid/probe', 'probe'))
        path = self.find_file(probe[:-len('probe')] + self._file)
        try:
            # a 1 x 10 cell of structs, whose third field is the list
            splits = loadmat(path, variable_names=['trainIdxAll'])
            splits = splits['trainIdxAll'][0]
            lists = [np.ravel(split[0][0][2]).astype(int).tolist()
                     for split in splits]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ValueError(
                f'{path} can not be read as the official splits '
                f'(`trainIdxAll`, a 1 x {NUM_SPLITS} cell whose third field '
                f'lists identities): {error!r}; unpack it again') from error
        if len(lists) != NUM_SPLITS:
            raise ValueError(f'{path}: {len(lists)} splits, expected '
                             f'{NUM_SPLITS}; unpack it again')
        return lists[self.split]
