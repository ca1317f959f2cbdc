"""MSMT17, both versions (Wei et al., CVPR 2018)."""

import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from mmreidmix.checks import check_choice
from mmreidmix.datasets.file_names import check_entries, parse_lines
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import numbered, pid_group
from .market_layout import MarketLayoutDataset

# Test identities start again at 0, so a merge has to move them.
_NUM_TRAIN_PIDS = 1041


@DATASETS.register_module()
class MSMT17(MarketLayoutDataset):
    """MSMT17, 15 cameras, read by its lists or from the Market layout.

    The val list holds other images of the training identities, so it cannot
    serve as held-out identities. 'all' always joins train, val, query and
    gallery (the 'merged' set of the literature), with 1,041 added to the
    original numbers of test identities, which restart at 0.

    The community repack in the Market layout (``bounding_box_train``, ...) is
    read too; its training folder is always train + val.

    Args:
        version (str): 'v1', or 'v2' with blurred faces; results differ. Only
            the folder of this version is looked for.
        train_list (str): 'trainval' = train and val list (32,621 images),
            'train' = train list alone (30,248). Both are common; the name of
            the second is 'msmt17-<version>-trainlist'.
        **kwargs: see :class:`BaseReIDDataset`.

    Raises:
        ValueError: also if the train list alone is asked of the repack.
    """

    camera_names = numbered(15)
    pattern = re.compile(r'(?P<pid>\d{4})_c(?P<cam>\d{1,2})_\d{4}\.jpg')
    # names of the test lists were never verified: only what is needed
    list_line = re.compile(r'(?P<path>\d{4}/\d{4}_\d{3,}_(?P<cam>\d{2})_\S*'
                           r'\.jpe?g) (?P<pid>\d+)')
    expected = {
        'train': (32621, 1041, 15),
        'query': (11659, 3060, 15),
        'gallery': (82161, 3060, 15),
        'all': (126441, 4101, 15)
    }
    expected_per_camera = {
        'train': (4910, 203, 454, 1614, 4296, 1678, 3453, 795, 1396, 655,
                  3154, 1364, 3635, 3876, 1138)
    }
    tree = '''
  MSMT17_V1/                    or MSMT17_V2/
    train/0000/*.jpg               mask_train_v2/0000/*.jpg
    test/0000/*.jpg                mask_test_v2/0000/*.jpg
    list_train.txt list_val.txt list_query.txt list_gallery.txt
  or, in the Market layout:
  MSMT17_V1/{bounding_box_train, query, bounding_box_test}/0000_c1_0000.jpg
'''
    obtain = ('request to the authors at Peking University, signed terms; '
              'the lists come with the archive')

    def __init__(self, *args: Any, version: str = 'v1',
                 train_list: str = 'trainval', **kwargs: Any):
        check_choice(self, ('v1', 'v2'), version=version)
        check_choice(self, ('trainval', 'train'), train_list=train_list)
        self.version = version
        self.train_list = train_list
        self.toy_layout = f'msmt17-{version}'
        self._official = f'MSMT17_{version.upper()}'
        if train_list == 'train':
            self.expected = {**self.expected, 'train': (30248, 1041, 15)}
            self.expected_per_camera = {}
        super().__init__(*args, **kwargs)

    @property
    def canonical_name(self) -> str:
        """Name with version, and with the images joined where they vary."""
        name = f'msmt17-{self.version}'
        if self.subset == 'all':
            return f'{name}-merged'
        if self.subset == 'train' and self.train_list == 'train':
            return f'{name}-trainlist'
        return name

    def top_folders(self) -> tuple[str, ...]:
        """Where the Market layout of this version may lie."""
        root = self.data_root.name.upper()
        tops = ('MSMT17_V1', 'MSMT17') if self.version == 'v1' else (
            'MSMT17_V2', )
        # a copy that states no version is taken for v1
        is_top = (root == 'MSMT17_V2') == (self.version == 'v2')
        return (*tops, '.') if is_top else tops

    def read_part(self, part: str) -> ReIDRecords:
        """Read 'train', 'query' or 'gallery' in the layout that is there."""
        top = self._official_top(part)
        if top is None:
            records = self._read_repack(part)
        else:
            records = ReIDRecords.concat(
                [self._read_list(top, part, n) for n in self._lists(part)])
        if self.subset != 'all' or part == 'train':
            return records
        return replace(records, pids=records.pids + _NUM_TRAIN_PIDS)

    def missing(self, looked_for: Iterable[Path]) -> FileNotFoundError:
        """The error for an absent data set: official layout first."""
        folder = self._image_folder(self.parts[0])
        return super().missing(
            [self.data_root / self._official / folder, *looked_for])

    def _image_folder(self, part: str) -> str:
        kind = 'train' if part == 'train' else 'test'
        return kind if self.version == 'v1' else f'mask_{kind}_v2'

    def _lists(self, part: str) -> tuple[str, ...]:
        if part != 'train':
            return (part, )
        if self.train_list == 'train' and self.subset == 'train':
            return ('train', )
        return ('train', 'val')

    def _official_top(self, part: str) -> Optional[str]:
        for top in (self._official, f'{self._official}/{self._official}', '.'):
            if (self.data_root / top / self._image_folder(part)).is_dir():
                return top
        return None

    def _read_list(self, top: str, part: str, name: str) -> ReIDRecords:
        path = self.find_file(f'{top}/list_{name}.txt')
        folder = self._image_folder(part)
        folder = folder if top == '.' else f'{top}/{folder}'
        matches = parse_lines(path, self.list_line)
        entries = [match['path'] for match in matches]
        check_entries(self.data_root / folder, entries, path)
        return ReIDRecords.from_columns(
            [f'{folder}/{entry}' for entry in entries],
            [pid_group(match) for match in matches],
            self.camids_of((str(int(match['cam'])) for match in matches),
                           path))

    def _read_repack(self, part: str) -> ReIDRecords:
        records = super().read_part(part)
        if self.train_list == 'train' and self.subset == 'train':
            raise ValueError(
                f'{self.data_root}: MSMT17 in the Market layout joins train '
                "and val; `train_list='train'` needs the official lists")
        if self._official.encode() not in records.paths[0] and (
                self.data_root.name.upper() != self._official):
            self.log('this copy in the Market layout does not state its '
                     f'version; it is taken for {self.version}',
                     logging.WARNING)
        return records
