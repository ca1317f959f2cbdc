"""UnrealPerson (Zhang et al., CVPR 2021)."""

import re
from collections.abc import Sequence
from typing import Optional

from mmreidmix.checks import check_choice
from mmreidmix.datasets.file_names import (
    check_entries,
    list_folders,
    parse_names,
)
from mmreidmix.registry import DATASETS

from ..reid_dataset import BaseReIDDataset, ReIDRecords
from .folders import read_folder

_FOLDER = r'unreal_v(?P<scene>[1-4])\.(?P<model>[1-3])'
_NAME = r'(?P<pid>\d+)_c(?P<cam>\d+)_\d+\.(?:jpg|png)'


@DATASETS.register_module()
class UnrealPerson(BaseReIDDataset):
    """UnrealPerson, synthetic, training only.

    Folders are ``unreal_v<scene>.<model>``. Numbers restart in each: an
    identity is (model, number), the same in all scenes, kept as
    number * 10 + model; a camera is (scene, camera).

    The 120,000 images of the paper were drawn by chance, so only the
    published list of them gives comparable results.

    Args:
        listing (str, optional): File below the data root with lines
            ``path label camera``; label and camera are not used, the path
            says more. None reads all images that are there, under the name
            'unreal-full'.
        *args: See :class:`BaseReIDDataset`.
        **kwargs: See :class:`BaseReIDDataset`.

    Raises:
        FileNotFoundError: Also if the list, or an image of it, is missing.
        ValueError: Also if a line of the list is malformed.
    """

    line = re.compile(
        rf'(?:\S*/)?(?P<path>{_FOLDER}/images/{_NAME})(?:\s+\d+)*')
    tree = '''
  unreal_v1.1/images/0001_c01_0001.jpg      scenes 1-4, models 1-3
  list_unreal_train.txt                     the list of the paper
'''
    obtain = ('the repository FlyHighest/UnrealPerson (Apache-2.0), images '
              'and list on a public drive')
    toy_layout = 'unreal-list120k'

    def __init__(self, *args,
                 listing: Optional[str] = 'list_unreal_train.txt', **kwargs):
        self.listing = listing
        super().__init__(*args, **kwargs)

    @property
    def canonical_name(self) -> str:
        """Name of the list of the paper, or of everything."""
        return 'unreal-full' if self.listing is None else 'unreal-list120k'

    @property
    def expected(self) -> dict[str, tuple[int, int, int]]:
        """The counts of the list; those of everything are not known."""
        if self.listing is None:
            return {}
        return dict.fromkeys(('train', 'all'), (120000, 3000, 34))

    def load_records(self) -> ReIDRecords:
        """Read the list, or the folders."""
        check_choice(self, ('train', 'all'), subset=self.subset)
        paths, matches = (self._read_folders() if self.listing is None
                          else self._read_list())
        tokens = [(int(m['scene']), int(m['cam'])) for m in matches]
        numbers = {token: i for i, token in enumerate(sorted(set(tokens)))}
        self.camera_names = tuple(f's{s}_c{c}' for s, c in numbers)
        return ReIDRecords.from_columns(
            paths,
            [int(m['pid']) * 10 + int(m['model']) for m in matches],
            [numbers[token] for token in tokens])

    def _read_list(self) -> tuple[Sequence[str], list[re.Match]]:
        path = self.data_root / self.listing
        if not path.is_file():
            raise self.missing([path])
        lines = [line for line in map(
            str.strip, path.read_text('utf-8').splitlines()) if line]
        matches = parse_names(lines, self.line, path)
        paths = [m['path'] for m in matches]
        check_entries(self.data_root, paths, path)
        return paths, matches

    def _read_folders(self) -> tuple[Sequence[str], list[re.Match]]:
        # a match that also knows the folder
        whole = re.compile(f'{_FOLDER}/images/{_NAME}')
        folders = [name for name in list_folders(self.data_root)
                   if re.fullmatch(_FOLDER, name)]
        if not folders:
            raise self.missing([self.data_root / 'unreal_v1.1' / 'images'])
        paths = []
        for name in folders:
            folder = self.find_folder([f'{name}/images'])
            paths += read_folder(self, folder, re.compile(_NAME))[0]
        return paths, parse_names(paths, whole, self.data_root)
