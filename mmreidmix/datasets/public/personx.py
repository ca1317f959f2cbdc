"""PersonX as released for the ViSDA-2020 challenge (Sun and Zheng, 2019)."""

import re

import numpy as np

from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .market_layout import MarketLayoutDataset


@DATASETS.register_module()
class PersonX(MarketLayoutDataset):
    """PersonX, synthetic, 6 cameras numbered 3 4 8 10 11 12 -> 0..5.

    This is the set of the domain adaptation papers. The release for the
    viewpoint study (cameras 1-6, 36 viewpoints each) is another one and is
    refused by its camera numbers.
    """

    canonical_name = 'personx-visda'
    camera_names = ('3', '4', '8', '10', '11', '12')
    # what follows the camera number was never verified for this release
    pattern = re.compile(
        r'(?P<pid>\d+)_c(?P<cam>\d+)(?:\D.*)?\.(?:jpe?g|png)')
    expected = {
        'train': (9840, 410, 6),
        'query': (5136, 856, 6),
        'gallery': (30816, 856, 6),
        'all': (45792, 1266, 6)
    }
    tree = '''
  subset1/            or PersonX/
    bounding_box_train/0001_c3s1_1.jpg
    query/
    bounding_box_test/
'''
    obtain = ('the repository sxzrt/Instructions-of-the-PersonX-dataset '
              '(MIT), images on a public drive')
    toy_layout = 'personx-visda'

    def top_folders(self) -> tuple[str, ...]:
        """The names two code bases gave the folder, or the root itself."""
        return ('subset1', 'PersonX', '.')

    def read_part(self, part: str) -> ReIDRecords:
        """Read one folder and check that it has several cameras.

        A folder of the viewpoint release holds one, which may be 3 or 4.
        """
        records = super().read_part(part)
        found = np.unique(records.camids)
        if len(found) == 1:
            raise ValueError(
                f'{self.data_root}: {part} of PersonX has camera '
                f'{self.camera_names[found[0]]} alone, expected all of '
                f'{", ".join(self.camera_names)}; this is one folder of the '
                'viewpoint release')
        return records
