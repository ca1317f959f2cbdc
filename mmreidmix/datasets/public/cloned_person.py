"""ClonedPerson (Wang et al., CVPR 2022)."""

import re
from typing import Any

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset, pid_group

_FOLDERS = {'train': 'train', 'query': 'test/query',
            'gallery': 'test/gallery'}


@DATASETS.register_module()
class ClonedPerson(FolderDataset):
    """ClonedPerson, synthetic, 24 cameras in several scenes.

    Cameras are numbered over all three folders, so all are listed whatever
    the subset.

    Args:
        cameras (str): 'scene' makes a camera of each (scene, camera).
            'released' does as the released loader, which forgets the scene:
            images of a person in the same-numbered camera of another scene
            are then left out of the test as of the same camera. The name says
            so.
        **kwargs: see :class:`BaseReIDDataset`.
    """

    pattern = re.compile(r'(?P<pid>\d{6})_(?P<scene>s\d{2})_(?P<cam>c\d{2})_'
                         r'f\d{6}\.jpg')
    tree = '''
  train/705227_s02_c00_f000123.jpg
  test/query/
  test/gallery/
'''
    obtain = ('the repository Yanan-Wang-cs/ClonedPerson, images on a public '
              'drive')
    toy_layout = 'clonedperson'

    def __init__(self, *args: Any, cameras: str = 'scene', **kwargs: Any):
        check_choice(self, ('scene', 'released'), cameras=cameras)
        self.cameras = cameras
        self.canonical_name = ('clonedperson' if cameras == 'scene' else
                               'clonedperson-released-cameras')
        self.expected = {
            'all': (887766, 5621, 24 if cameras == 'scene' else 4)
        }
        super().__init__(*args, **kwargs)

    def load_records(self) -> ReIDRecords:
        """Number the cameras of all folders, take those of the subset."""
        first = _FOLDERS[self.parts[0]]
        top = self.find_folder(
            f'{top}{first}' for top in ('', 'ClonedPerson/', 'clonedperson/'))
        top = top[:-len(first)]
        found = {
            part: self.match_folder([top + folder])
            for part, folder in _FOLDERS.items()
            if part in self.parts or (self.data_root / top / folder).is_dir()
        }
        cameras = {self._camera(match) for _, matches in found.values()
                   for match in matches}
        self.camera_names = tuple(sorted(cameras))
        return ReIDRecords.concat([
            ReIDRecords.from_columns(
                paths, list(map(pid_group, matches)),
                self.camids_of(map(self._camera, matches), self.data_root))
            for paths, matches in (found[part] for part in self.parts)
        ])

    def _camera(self, match: re.Match) -> str:
        if self.cameras == 'scene':
            return f'{match["scene"]}_{match["cam"]}'
        return match['cam']
