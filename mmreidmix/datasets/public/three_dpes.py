"""3DPeS, the snapshots (Baltieri et al., J-HGBU 2011)."""

import re
from dataclasses import replace

import numpy as np

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset


@DATASETS.register_module()
class ThreeDPeS(FolderDataset):
    """3DPeS snapshots: 192 people, 1,011 images, training only.

    There is no standard split, so there is no query and no gallery; 'all'
    equals 'train'. The second number of a name is taken as the camera.
    """

    subsets = ('train', 'all')
    canonical_name = '3dpes'
    # what follows the two numbers was never verified
    pattern = re.compile(r'(?P<pid>\d+)_(?P<cam>\d+)_.*\.bmp')
    expected = dict.fromkeys(subsets, (1011, 192, 8))
    tree = '''
  3DPeS/RGB/1_1_FRAME_1123_RGB.bmp
'''
    obtain = 'project page of the University of Modena (3DPeS); research use'
    toy_layout = '3dpes'

    def load_records(self) -> ReIDRecords:
        """Read the folder and number the views that there are."""
        records = self.read_folder(('3DPeS/RGB', 'RGB'))
        views, camids = np.unique(records.camids, return_inverse=True)
        self.camera_names = tuple(map(str, (views + 1).tolist()))
        return replace(records, camids=camids.astype(np.int32))
