"""CUHK-SYSU (Xiao et al., CVPR 2017), cut into person images."""

import re

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset

_CUT_AS_MARKET = re.compile(r'(?P<pid>\d+)_c\d+(?:_.*)?\.jpg')
# Three cuts of the same annotation are in use.
_LAYOUTS = {
    'cropped_images': re.compile(r'p(?P<pid>\d+)_s\d+_\d+\.jpg'),
    'cropped_image': re.compile(r'p(?P<pid>\d+)_n\d+_s\d+_hard[01]\.png'),
    'CUHK-SYSU/bounding_box_train': _CUT_AS_MARKET,
    'bounding_box_train': _CUT_AS_MARKET,
}


@DATASETS.register_module()
class CUHKSYSU(FolderDataset):
    """CUHK-SYSU crops: 34,574 images of 11,934 people, training only.

    The person search set, all of it, cut by its boxes. There are no cameras
    (each image comes from another scene), so all images have camera 0: losses
    and samplers that look for another camera find none. 'all' equals
    'train'.
    """

    subsets = ('train', 'all')
    canonical_name = 'cuhksysu-crops'
    camera_names = ('none', )
    expected = dict.fromkeys(subsets, (34574, 11934, 1))
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
        folder = self.find_folder(_LAYOUTS)
        return self.read_folder(
            [folder], camid=lambda match: 0, pattern=_LAYOUTS[folder])
