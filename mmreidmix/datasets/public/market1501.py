"""Market-1501 (Zheng et al., ICCV 2015)."""

import re
from dataclasses import replace
from typing import Any, Optional

import numpy as np

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import numbered
from .market_layout import MarketLayoutDataset


@DATASETS.register_module()
class Market1501(MarketLayoutDataset):
    """Market-1501, 6 cameras.

    Images with pid -1 are junk (a box neither good nor bad) and dropped
    everywhere. Images with pid 0000 are background: they stay in the gallery
    as distractors and are dropped from 'all'.

    Args:
        tracklets (str, optional): None gives no tracklets. 'sequence' numbers
            the (camera, sequence) recordings 0, 1, ... within the subset,
            without a look at the identities: what an unlabelled set of
            single-camera videos would know.
        **kwargs: see :class:`BaseReIDDataset`.
    """

    canonical_name = 'market1501'
    camera_names = numbered(6)
    junk_pids = (-1, )
    distractor_pids = (0, )
    # some of the official names end in .jpg.jpg
    pattern = re.compile(r'(?P<pid>-1|\d{4})_c(?P<cam>[1-6])s(?P<seq>[1-6])'
                         r'_\d{6}_\d{2}\.jpg(?:\.jpg)?')
    expected = {
        'train': (12936, 751, 6),
        'query': (3368, 750, 6),
        'gallery': (15913, 750, 6),
        'all': (29419, 1501, 6)
    }
    expected_per_camera = {
        'train': (2017, 1709, 2707, 920, 2338, 3245),
        'query': (668, 530, 717, 248, 622, 583),
        'gallery': (2738, 2224, 3199, 1365, 2762, 3625)
    }
    tree = '''
  Market-1501-v15.09.15/
    bounding_box_train/0002_c1s1_000451_03.jpg
    query/
    bounding_box_test/
'''
    obtain = ("the authors' project page (Market-1501, Liang Zheng); academic "
              'use only')
    toy_layout = 'market1501'

    def __init__(self, *args: Any, tracklets: Optional[str] = None,
                 **kwargs: Any):
        check_choice(self, (None, 'sequence'), tracklets=tracklets)
        self.tracklets = tracklets
        super().__init__(*args, **kwargs)

    def top_folders(self) -> tuple[str, ...]:
        """The official folder, or the data root itself."""
        return ('Market-1501-v15.09.15', '.')

    def load_records(self) -> ReIDRecords:
        """Read the folders, then number the sequences if asked."""
        records = super().load_records()
        if self.tracklets is None:
            return records
        records = records.select(~np.isin(records.pids, self.junk_pids))
        # the character after the 's' of '0002_c1s1_000451_03.jpg'
        sequences = [int(path.rpartition(b's')[2][:1])
                     for path in records.paths.tolist()]
        keys = records.camids * 10 + np.array(sequences, np.int32)
        tracklets = np.unique(keys, return_inverse=True)[1]
        return replace(records, tracklets=tracklets.astype(np.int32))
