"""3DPeS, the snapshots (Baltieri et al., J-HGBU 2011)."""

import re

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from ..reid_dataset import BaseReIDDataset, ReIDRecords
from .folders import read_folder


@DATASETS.register_module()
class ThreeDPeS(BaseReIDDataset):
    """3DPeS snapshots: 192 people, 1,011 images, training only.

    There is no standard split, so there is no query and no gallery; 'all'
    equals 'train'. The second number of a name is taken as the camera.

    Args:
        *args: See :class:`BaseReIDDataset`.
        **kwargs: See :class:`BaseReIDDataset`.
    """

    canonical_name = '3dpes'
    # what follows the two numbers was never verified
    pattern = re.compile(r'(?P<pid>\d+)_(?P<view>\d+)_.*\.bmp')
    expected = {'train': (1011, 192, 8), 'all': (1011, 192, 8)}
    tree = '''
  3DPeS/RGB/1_1_FRAME_1123_RGB.bmp
'''
    obtain = 'project page of the University of Modena (3DPeS); research use'
    toy_layout = '3dpes'

    def load_records(self) -> ReIDRecords:
        """Read the folder and number the views that there are."""
        check_choice(self, ('train', 'all'), subset=self.subset)
        folder = self.find_folder(('3DPeS/RGB', 'RGB'))
        paths, matches = read_folder(self, folder, self.pattern)
        views = [int(m['view']) for m in matches]
        numbers = {view: i for i, view in enumerate(sorted(set(views)))}
        self.camera_names = tuple(map(str, numbers))
        return ReIDRecords.from_columns(
            paths, [int(m['pid']) for m in matches],
            [numbers[view] for view in views])
