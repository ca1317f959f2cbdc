"""ClonedPerson (Wang et al., CVPR 2022)."""

import re

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from ..reid_dataset import BaseReIDDataset, ReIDRecords
from .folders import read_folder
from .randperson import RandPerson

_FOLDERS = {'train': 'train', 'query': 'test/query',
            'gallery': 'test/gallery'}


@DATASETS.register_module()
class ClonedPerson(BaseReIDDataset):
    """ClonedPerson, synthetic, 24 cameras in several scenes.

    Cameras are numbered over all three folders, so all are listed whatever
    the subset.

    Args:
        cameras (str): 'scene' makes a camera of each (scene, camera).
            'released' does as the released loader, which forgets the scene:
            images of a person in the same-numbered camera of another scene
            are then left out of the test as of the same camera. The name says
            so.
        *args: See :class:`BaseReIDDataset`.
        **kwargs: See :class:`BaseReIDDataset`.
    """

    pattern = RandPerson.pattern
    tree = '''
  train/705227_s02_c00_f000123.jpg
  test/query/
  test/gallery/
'''
    obtain = ('the repository Yanan-Wang-cs/ClonedPerson, images on a public '
              'drive')
    toy_layout = 'clonedperson'

    def __init__(self, *args, cameras: str = 'scene', **kwargs):
        check_choice(self, ('scene', 'released'), cameras=cameras)
        self.cameras = cameras
        self.expected = {
            'all': (887766, 5621, 24 if cameras == 'scene' else 4)
        }
        super().__init__(*args, **kwargs)

    @property
    def canonical_name(self) -> str:
        """Name, with the cameras where they are not the real ones."""
        return ('clonedperson' if self.cameras == 'scene'
                else 'clonedperson-released-cameras')

    def load_records(self) -> ReIDRecords:
        """Number the cameras of all folders, take those of the subset."""
        top = self.find_folder(
            f'{top}{_FOLDERS[self.parts[0]]}'
            for top in ('', 'ClonedPerson/', 'clonedperson/'))
        top = top[:-len(_FOLDERS[self.parts[0]])]
        for part in self.parts:
            self.find_folder([top + _FOLDERS[part]])
        found = {
            part: read_folder(self, top + folder, self.pattern)
            for part, folder in _FOLDERS.items()
            if (self.data_root / (top + folder)).is_dir()
        }
        cameras = sorted({self._camera(match) for _, matches in found.values()
                          for match in matches})
        numbers = {camera: i for i, camera in enumerate(cameras)}
        self.camera_names = tuple(cameras)
        return ReIDRecords.concat([
            ReIDRecords.from_columns(
                paths, [int(match['pid']) for match in matches],
                [numbers[self._camera(match)] for match in matches])
            for paths, matches in (found[part] for part in self.parts)
        ])

    def _camera(self, match: re.Match) -> str:
        camera = f'c{match["cam"]}'
        return (f's{match["scene"]}_{camera}' if self.cameras == 'scene'
                else camera)
