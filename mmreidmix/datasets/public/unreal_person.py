"""UnrealPerson (Zhang et al., CVPR 2021)."""

import re
from typing import Any, Optional

from mmreidmix.datasets.file_names import (
    check_entries,
    list_folders,
    parse_lines,
    parse_names,
)
from mmreidmix.registry import DATASETS

from ..reid_dataset import ReIDRecords
from .folders import FolderDataset

_FOLDER = r'unreal_v(?P<scene>[1-4])\.(?P<model>[1-3])'
_NAME = r'(?P<pid>\d+)_c(?P<cam>\d+)_\d+\.(?:jpg|png)'


@DATASETS.register_module()
class UnrealPerson(FolderDataset):
    """UnrealPerson, synthetic, training only.

    Folders are ``unreal_v<scene>.<model>``. Numbers restart in each: an
    identity is (model, number), the same in all scenes, kept as
    number * 10 + model; a camera is (scene, camera).

    The 120,000 images of the paper were drawn by chance, so only the
    published list of them gives comparable results.

    Args:
        listing (str, optional): file below the data root with lines
            ``path label camera``; label and camera are not used, the path
            says more. None reads all images that are there, under the name
            'unreal-full'.
        **kwargs: see :class:`BaseReIDDataset`.
    """

    subsets = ('train', 'all')
    pattern = re.compile(_NAME)
    line = re.compile(
        rf'(?:\S*/)?(?P<path>{_FOLDER}/images/{_NAME})(?:\s+\d+)*')
    tree = '''
  unreal_v1.1/images/0001_c01_0001.jpg      scenes 1-4, models 1-3
  list_unreal_train.txt                     the list of the paper
'''
    obtain = ('the repository FlyHighest/UnrealPerson (Apache-2.0), images '
              'and list on a public drive')
    toy_layout = 'unreal-list120k'

    def __init__(self, *args: Any,
                 listing: Optional[str] = 'list_unreal_train.txt',
                 **kwargs: Any):
        self.listing = listing
        self.canonical_name = 'unreal-full'
        if listing is not None:
            self.canonical_name = 'unreal-list120k'
            self.expected = dict.fromkeys(self.subsets, (120000, 3000, 34))
        super().__init__(*args, **kwargs)

    def load_records(self) -> ReIDRecords:
        """Read the list, or the folders."""
        paths, matches = (self._read_folders() if self.listing is None
                          else self._read_list(self.listing))
        tokens = [(int(m['scene']), int(m['cam'])) for m in matches]
        numbers = {token: i for i, token in enumerate(sorted(set(tokens)))}
        self.camera_names = tuple(f's{s}_c{c}' for s, c in numbers)
        return ReIDRecords.from_columns(
            paths,
            [int(m['pid']) * 10 + int(m['model']) for m in matches],
            [numbers[token] for token in tokens])

    def _read_list(self, listing: str) -> tuple[list[str], list[re.Match]]:
        path = self.find_file(listing)
        matches = parse_lines(path, self.line)
        paths = [m['path'] for m in matches]
        check_entries(self.data_root, paths, path)
        return paths, matches

    def _read_folders(self) -> tuple[list[str], list[re.Match]]:
        # identity and camera are told by the folder too
        whole = re.compile(f'{_FOLDER}/images/{_NAME}')
        folders = [name for name in list_folders(self.data_root)
                   if re.fullmatch(_FOLDER, name)]
        if not folders:
            raise self.missing([self.data_root / 'unreal_v1.1' / 'images'])
        paths = []
        for name in folders:
            paths += self.match_folder([f'{name}/images'])[0]
        return paths, parse_names(paths, whole, self.data_root)
