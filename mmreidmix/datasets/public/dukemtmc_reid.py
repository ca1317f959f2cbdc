"""DukeMTMC-reID (Zheng et al., ICCV 2017), withdrawn by its authors."""

import logging
import re
from typing import Any

from mmreidmix.registry import DATASETS

from .folders import numbered
from .market_layout import MarketLayoutDataset


@DATASETS.register_module()
class DukeMTMCReID(MarketLayoutDataset):
    """DukeMTMC-reID, 8 cameras.

    Withdrawn by its authors in 2019: the people in it were filmed without
    consent. This loader is for owners of a copy who want to check old tables,
    and so are the configs that name it; no new result should rest on it.

    408 identities of the gallery are distractors with ordinary numbers.

    Args:
        i_know_it_was_withdrawn (bool): must be True.
        *args, **kwargs: see :class:`BaseReIDDataset`.

    Raises:
        ValueError: also without ``i_know_it_was_withdrawn``.
    """

    canonical_name = 'dukemtmc-reid'
    camera_names = numbered(8)
    pattern = re.compile(r'(?P<pid>\d{4})_c(?P<cam>[1-8])_f\d{7}\.jpg')
    expected = {
        'train': (16522, 702, 8),
        'query': (2228, 702, 8),
        'gallery': (17661, 1110, 8),
        'all': (36411, 1812, 8)
    }
    expected_per_camera = {
        'train': (2809, 3009, 1088, 1395, 1685, 3700, 1330, 1506),
        'query': (413, 383, 190, 155, 216, 369, 239, 263),
        'gallery': (2704, 2798, 828, 1139, 1209, 3308, 1255, 4420)
    }
    tree = '''
  DukeMTMC-reID/
    bounding_box_train/0001_c2_f0046182.jpg
    query/
    bounding_box_test/
'''
    obtain = 'withdrawn by its authors in 2019; it is not offered any more'
    toy_layout = 'dukemtmc-reid'

    def __init__(self,
                 *args: Any,
                 i_know_it_was_withdrawn: bool = False,
                 **kwargs: Any):
        if i_know_it_was_withdrawn is not True:
            raise ValueError(
                f'{type(self).__name__} was withdrawn by its authors, because '
                'the people in it were filmed without consent. To check an '
                'old table with a copy of yours, give '
                'i_know_it_was_withdrawn=True; rest no new result on it')
        super().__init__(*args, **kwargs)
        self.log('DukeMTMC-reID was withdrawn by its authors; do not rest '
                 'new results on it', logging.WARNING)

    def top_folders(self) -> tuple[str, ...]:
        """The official folder, or the data root itself."""
        return ('DukeMTMC-reID', '.')
