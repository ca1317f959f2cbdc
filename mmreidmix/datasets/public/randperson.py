"""RandPerson, the published subset (Wang et al., ACM MM 2020)."""

import re

from mmreidmix.datasets.file_names import iter_entries
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset, pid_group

# Cameras in each of the scenes s00 to s10.
_CAMERAS = (2, 2, 2, 2, 1, 1, 2, 1, 1, 1, 4)


@DATASETS.register_module()
class RandPerson(FolderDataset):
    """RandPerson subset, synthetic, 11 scenes with 19 cameras.

    A camera is a (scene, camera) pair: the camera number alone restarts in
    every scene. There is no query and no gallery; 'all' equals 'train'.
    """

    subsets = ('train', 'all')
    canonical_name = 'randperson-subset'
    camera_names = tuple(f's{scene:02d}_c{camera:02d}'
                         for scene, count in enumerate(_CAMERAS)
                         for camera in range(count))
    pattern = re.compile(r'(?P<pid>\d{6})_(?P<cam>s\d{2}_c\d{2})_f\d{6}\.jpg')
    expected = dict.fromkeys(subsets, (132145, 8000, 19))
    tree = '''
  randperson_subset/000000_s00_c00_f000000.jpg      or subset/*.jpg
'''
    obtain = ('the repository VideoObjectSearch/RandPerson (Apache-2.0), '
              'images on a public drive')
    toy_layout = 'randperson-subset'

    def load_records(self) -> ReIDRecords:
        """Read the flat folder."""
        tops = ('randperson_subset', 'subset')
        candidates = (*tops, *(f'{top}/{inner}' for top in tops
                               for inner in tops), '.')
        # a folder of a folder exists as well, but holds no image
        folder = next(filter(self._has_images, candidates), None)
        if folder is None:
            raise self.missing(self.data_root / c for c in candidates)
        paths, matches = self.match_folder([folder])
        return ReIDRecords.from_columns(
            paths, list(map(pid_group, matches)),
            self.camids_of((match['cam'] for match in matches),
                           self.data_root / folder))

    def _has_images(self, folder: str) -> bool:
        path = self.data_root / folder
        return path.is_dir() and any(
            entry.name.endswith('.jpg') for entry in iter_entries(path))
