"""PKU-Reid (Ma et al., arXiv 1605.02464)."""

import re

from mmreidmix.datasets.file_names import list_folders, parse_names
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset


@DATASETS.register_module()
class PKUReid(FolderDataset):
    """PKU-Reid: two cameras, eight orientations of each person in each.

    'query' is camera 01 and 'gallery' camera 02, both over all people of
    ``train/`` and ``val/all_imgs/``; 'train' is the folder ``train/``; 'all'
    is everything. Who trains on 'train' must hold its people out of the
    test, by ``pid_range``. The copy in this layout has 74 of the 114 people
    of the original and JPEG content under ``.png`` names.
    """

    canonical_name = 'pku-reid'
    camera_names = ('01', '02')
    pattern = re.compile(r'(?P<cam>0[12])_(?P<orientation>[1-8])\.png')
    expected = {
        'train': (992, 62, 2),
        'query': (592, 74, 1),
        'gallery': (592, 74, 1),
        'all': (1184, 74, 2)
    }
    tree = '''
  train/<pid>/<camera>_<orientation>.png         e.g. train/001/01_1.png
  val/all_imgs/<pid>/<camera>_<orientation>.png
'''
    obtain = ('the repository charliememory/PKU-Reid-Dataset; '
              'CC BY-NC-SA 4.0')
    toy_layout = 'pku-reid'

    def load_records(self) -> ReIDRecords:
        """Read the people of one or both folders, then pick the camera."""
        folders = [self.find_folder(('train', 'pku_reid/train'))]
        if self.subset != 'train':
            folders.append(self.find_folder(
                ('val/all_imgs', 'pku_reid/val/all_imgs')))
        records = ReIDRecords.concat(
            [part for folder in folders for part in self._people(folder)])
        if self.subset in ('query', 'gallery'):
            camera = self.subset == 'gallery'
            return records.select(records.camids == camera)
        return records

    def _people(self, folder: str) -> list[ReIDRecords]:
        root = self.data_root / folder
        people = list_folders(root)
        parse_names(people, re.compile(r'\d+'), root)
        return [
            self.read_folder([f'{folder}/{person}'],
                             pid=lambda match, pid=int(person): pid)
            for person in people]
