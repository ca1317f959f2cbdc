"""CUHK-SYSU (Xiao et al., CVPR 2017), cut into person images."""

import re

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from ..reid_dataset import BaseReIDDataset, ReIDRecords
from .folders import read_folder

# Three cuts of the same annotation are in use.
_LAYOUTS = {
    'cropped_images': re.compile(r'p(?P<pid>\d+)_s\d+_\d+\.jpg'),
    'cropped_image': re.compile(r'p(?P<pid>\d+)_n\d+_s\d+_hard[01]\.png'),
    'CUHK-SYSU/bounding_box_train':
    re.compile(r'(?P<pid>\d+)_c\d+(?:_.*)?\.jpg'),
}


@DATASETS.register_module()
class CUHKSYSU(BaseReIDDataset):
    """CUHK-SYSU crops: 34,574 images of 11,934 people, training only.

    The person search set, all of it, cut by its boxes. There are no cameras
    (each image comes from another scene), so all images have camera 0: losses
    and samplers that look for another camera find none. 'all' equals
    'train'.

    Args:
        *args: See :class:`BaseReIDDataset`.
        **kwargs: See :class:`BaseReIDDataset`.
    """

    canonical_name = 'cuhksysu-crops'
    camera_names = ('none', )
    expected = {'train': (34574, 11934, 1), 'all': (34574, 11934, 1)}
    tree = '''
  cropped_images/p1_s1_1.jpg
or
  cropped_image/p00001_n01_s00001_hard0.png
or
  CUHK-SYSU/bounding_box_train/0001_c1_1.jpg
'''
    obtain = 'request to the authors (person search page); academic use'
    toy_layout = 'cuhksysu-crops'

    def load_records(self) -> ReIDRecords:
        """Read the folder of whichever cut is there."""
        check_choice(self, ('train', 'all'), subset=self.subset)
        patterns = dict(
            _LAYOUTS, bounding_box_train=_LAYOUTS[
                'CUHK-SYSU/bounding_box_train'])
        folder = self.find_folder(patterns)
        paths, matches = read_folder(self, folder, patterns[folder])
        return ReIDRecords.from_columns(
            paths, [int(m['pid']) for m in matches])
