"""VIPeR (Gray et al., PETS 2007)."""

import re
from typing import Any

import numpy as np

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .split_dataset import SplitDataset


@DATASETS.register_module()
class VIPeR(SplitDataset):
    """VIPeR, 632 people, one image in each of two cameras.

    Args:
        variant (str): 'a' tests on one half of the people with camera a as
            query, 'b' on the other half, 'c' and 'd' are 'a' and 'b' with
            camera b as query. Tables are the mean of the ten splits 'a', or
            of the twenty 'a' and 'c'.
        **kwargs: see :class:`SplitDataset`.
    """

    set_name = 'viper'
    camera_names = ('a', 'b')
    # identities are scattered in 000-873: the name counts, not the position
    pattern = re.compile(r'(?P<pid>\d{3})_\d{1,3}\.bmp')
    sizes = {
        'train': (632, 316, 2),
        'query': (316, 316, 1),
        'gallery': (316, 316, 1),
        'all': (1264, 632, 2)
    }
    tree = '''
  VIPeR/cam_a/000_45.bmp
  VIPeR/cam_b/000_90.bmp
'''
    obtain = 'project page of UC Santa Cruz (VIPeR); research use'
    toy_layout = 'viper'

    def __init__(self, *args: Any, variant: str = 'a', **kwargs: Any):
        check_choice(self, ('a', 'b', 'c', 'd'), variant=variant)
        self.variant = variant
        super().__init__(*args, **kwargs)

    @property
    def canonical_name(self) -> str:
        """Name with split and variant."""
        name = super().canonical_name
        return name if self.subset == 'all' else name + self.variant

    def read_images(self) -> ReIDRecords:
        """Read both cameras."""
        return self.read_cameras('VIPeR', 'cam_a', 'cam_b')

    def train_pids(self, pids: np.ndarray) -> list[int]:
        """Training identities: the half that the variant does not test."""
        return self.halves(pids)[self.variant in 'bd']

    def select_test(self, records: ReIDRecords) -> ReIDRecords:
        """Images of the camera that the variant makes query or gallery."""
        camera = (self.variant in 'cd') == (self.subset == 'query')
        return records.select(records.camids == camera)
