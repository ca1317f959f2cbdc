"""RandPerson, the published subset (Wang et al., ACM MM 2020)."""

import os
import re

from mmreidmix.checks import check_choice
from mmreidmix.datasets.file_names import is_litter, list_names, parse_names
from mmreidmix.registry import DATASETS

from ..reid_dataset import BaseReIDDataset, ReIDRecords

# Cameras in each of the scenes s00 to s10.
_CAMERAS = (2, 2, 2, 2, 1, 1, 2, 1, 1, 1, 4)
_TOKENS = tuple((f'{scene:02d}', f'{camera:02d}')
                for scene, count in enumerate(_CAMERAS)
                for camera in range(count))


@DATASETS.register_module()
class RandPerson(BaseReIDDataset):
    """RandPerson subset, synthetic, 11 scenes with 19 cameras.

    A camera is a (scene, camera) pair: the camera number alone restarts in
    every scene. There is no query and no gallery; 'all' equals 'train'.

    Args:
        *args: See :class:`BaseReIDDataset`.
        **kwargs: See :class:`BaseReIDDataset`.
    """

    canonical_name = 'randperson-subset'
    camera_names = tuple(f's{scene}_c{camera}' for scene, camera in _TOKENS)
    pattern = re.compile(r'(?P<pid>\d{6})_s(?P<scene>\d{2})_c(?P<cam>\d{2})'
                         r'_f\d{6}\.jpg')
    expected = {'train': (132145, 8000, 19), 'all': (132145, 8000, 19)}
    tree = '''
  randperson_subset/000000_s00_c00_f000000.jpg      or subset/*.jpg
'''
    obtain = ('the repository VideoObjectSearch/RandPerson (Apache-2.0), '
              'images on a public drive')
    toy_layout = 'randperson-subset'

    def load_records(self) -> ReIDRecords:
        """Read the flat folder."""
        check_choice(self, ('train', 'all'), subset=self.subset)
        folder = self._folder()
        root = self.data_root / folder
        names = list_names(root)
        matches = parse_names(names, self.pattern, root)
        camid_of = {token: camid for camid, token in enumerate(_TOKENS)}
        tokens = [(match['scene'], match['cam']) for match in matches]
        strange = sorted(set(tokens) - set(camid_of))
        if strange:
            raise ValueError(
                f'{root}: (scene, camera) tokens {strange} are none of '
                'RandPerson, whose scenes 00-10 have '
                f'{", ".join(map(str, _CAMERAS))} cameras')
        prefix = '' if folder == '.' else f'{folder}/'
        return ReIDRecords.from_columns(
            [prefix + name for name in names],
            pids=[int(match['pid']) for match in matches],
            camids=[camid_of[token] for token in tokens])

    def _folder(self) -> str:
        tops = ('randperson_subset', 'subset')
        candidates = [*tops, *(f'{top}/{inner}' for top in tops
                               for inner in tops), '.']
        for candidate in candidates:
            if _has_images(self.data_root / candidate):
                return candidate
        raise self.missing(self.data_root / c for c in candidates)


def _has_images(folder) -> bool:
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(entry.name.endswith('.jpg') and not is_litter(entry.name)
                   for entry in entries)
