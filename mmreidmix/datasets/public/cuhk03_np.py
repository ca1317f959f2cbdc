"""CUHK03 in the new protocol (Zhong et al., CVPR 2017)."""

import re
from typing import Any

from mmreidmix.checks import check_choice
from mmreidmix.registry import DATASETS

from .folders import numbered
from .market_layout import MarketLayoutDataset


@DATASETS.register_module()
class CUHK03NP(MarketLayoutDataset):
    """CUHK03-NP, pre-split images, two views.

    The protocol maps five camera pairs to views 1 and 2, so one camera here
    mixes five devices.

    Args:
        boxes (str): 'detected' or 'labeled' (drawn by hand). Scores differ by
            points and code bases differ in the default, so it is part of the
            name.
        **kwargs: see :class:`BaseReIDDataset`.
    """

    camera_names = numbered(2)
    pattern = re.compile(r'(?P<pid>\d{4})_c(?P<cam>[12])_\d+\.png')
    tree = '''
  detected/                 and labeled/, both may lie in cuhk03-np/
    bounding_box_train/0001_c1_1.png
    query/
    bounding_box_test/
'''
    obtain = ('form on the CUHK page (academic use); the split is public in '
              'the repository zhunzhong07/person-re-ranking')
    _counts = {
        'detected': {
            'train': (7365, 767, 2),
            'query': (1400, 700, 2),
            'gallery': (5332, 700, 2),
            'all': (14097, 1467, 2)
        },
        'labeled': {
            'train': (7368, 767, 2),
            'query': (1400, 700, 2),
            'gallery': (5328, 700, 2),
            'all': (14096, 1467, 2)
        }
    }
    expected = _counts['detected']
    _train_per_camera = {'detected': (3601, 3764), 'labeled': (3607, 3761)}

    def __init__(self, *args: Any, boxes: str = 'detected', **kwargs: Any):
        check_choice(self, tuple(self._counts), boxes=boxes)
        self.boxes = boxes
        self.toy_layout = f'cuhk03np-{boxes}'
        self.expected = self._counts[boxes]
        self.expected_per_camera = {'train': self._train_per_camera[boxes]}
        super().__init__(*args, **kwargs)

    @property
    def canonical_name(self) -> str:
        """Name with the kind of boxes."""
        merged = self.subset == 'all'
        return f'cuhk03{"-all" if merged else "np"}-{self.boxes}'

    def top_folders(self) -> tuple[str, ...]:
        """The folder of the boxes; the root only if it bears their name."""
        tops = (self.boxes, f'cuhk03-np/{self.boxes}')
        return (*tops, '.') if self.data_root.name == self.boxes else tops
