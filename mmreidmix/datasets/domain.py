"""One's own data: a domain that ``import_domain.py`` has written."""

import logging
import posixpath
from datetime import date
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmreidmix.checks import name_some
from mmreidmix.registry import DATASETS

from . import domain_files
from .file_names import check_entries
from .image_bytes import is_url, piece_address
from .records import ReIDRecords
from .reid_dataset import BaseReIDDataset, NoSuchSubsetError

_COLUMNS = ('path', 'subset', 'pid', 'camid', 'tracklet', 'flag', 'shard',
            'offset', 'size')


@DATASETS.register_module()
class Domain(BaseReIDDataset):
    """A folder that ``tools/dataset_converters/import_domain.py`` wrote.

    Cameras and tracklets are numbered in the sorted order of their names (as
    numbers if all are numbers) over all subsets, so that a camera has the
    same number in query and gallery. Tracklets are told apart by (camera,
    tracklet). The format is in :mod:`mmreidmix.datasets.domain_files`.

    Args:
        data_root (str | Path): the domain. A packed one may be a URL that
            fsspec opens.
        subset (str): see :class:`BaseReIDDataset`. The subset 'all' leaves
            out images that are in none.
        path (str | Path, optional): another word for ``data_root``.
        images (str | Path, optional): folder of the images, where they have
            been moved since the import.
        name (str, optional): default: the name given at the import.
        **kwargs: see :class:`BaseReIDDataset`.

    Attributes:
        folder (str): the domain.
        info (dict): what ``domain.json`` says.

    Raises:
        FileNotFoundError: there is no domain, its images have moved, or one
            of them is missing.
        ValueError: a file of it is damaged, or has no image of the subset.

    Examples:
        >>> shop = dict(type='Domain', data_root='data/shop')
    """

    tree = f'''
  {domain_files.INFO}
  {domain_files.TABLE}
'''

    def __init__(self,
                 data_root: Optional[Union[str, Path]] = None,
                 subset: str = 'train',
                 *,
                 path: Optional[Union[str, Path]] = None,
                 images: Optional[Union[str, Path]] = None,
                 name: Optional[str] = None,
                 **kwargs: Any):
        if (data_root is None) == (path is None):
            raise ValueError('Domain: give the folder of the domain as '
                             '`data_root`')
        self.folder = str(data_root if path is None else path)
        if not is_url(self.folder):
            self.folder = str(Path(self.folder).expanduser().absolute())
        self.images = images
        self.subset, self.name = subset, name or 'domain'  # for messages
        try:
            self.info = domain_files.read_info(self.folder)
        except FileNotFoundError:
            raise self.missing([Path(self.folder)]) from None
        self.canonical_name = self.info['name']
        super().__init__(self._image_root(), subset, name=name, **kwargs)
        end = self.datasheet.get('keep_until')
        if end and date.fromisoformat(end) < date.today():
            self.log(f'its images were to be kept until {end}: delete them, '
                     'or import them with another date', logging.WARNING)

    def _image_root(self) -> str:
        if 'images' not in self.info:
            return self.folder
        root = Path(self.folder, self.images or self.info['images'])
        if not root.is_dir():
            raise FileNotFoundError(
                f'{self.folder}: its images are not at {root}. Where they '
                'have moved, name their folder by the option `images`: '
                f'{self.folder}:images=FOLDER in a command, images=FOLDER in '
                'a config')
        return str(root)

    @property
    def datasheet(self) -> dict[str, str]:
        """What the import was told of the images: source, licence, ..."""
        return self.info.get('datasheet') or {}

    @property
    def times(self) -> np.ndarray:
        """(N,) float64, seconds; NaN = not known. Read from the table."""
        table = domain_files.read_table(self.folder, ('path', 'time'))
        if 'time' not in table.column_names:
            return np.full(len(self), np.nan)
        rows = np.searchsorted(
            domain_files.texts(table, 'path'), self.records.paths)
        return table['time'].to_numpy().astype(float)[rows]

    def check_root(self) -> None:
        """As all data sets; a URL was found when its table was read."""
        if not is_url(self.folder):
            super().check_root()

    def load_records(self) -> ReIDRecords:
        """Read the table, number cameras and tracklets, keep one subset."""
        table = domain_files.read_table(self.folder, _COLUMNS)
        paths = domain_files.texts(table, 'path')
        if (paths[1:] <= paths[:-1]).any():
            raise ValueError(
                f'{self.folder}/{domain_files.TABLE} is not sorted by path, '
                'or names an image twice; import the images again')
        camids, cameras = domain_files.codes(table, 'camid')
        order = sorted_names(cameras, f'{self.folder}: cameras')
        self.camera_names = tuple(cameras[i] for i in order)
        camids = np.argsort(order)[camids].astype(np.int32)
        records = ReIDRecords(
            paths, domain_files.numbers(table, 'pid').astype(np.int32),
            camids, _number_tracklets(camids, *domain_files.codes(
                table, 'tracklet')))
        if 'images' not in self.info:
            self._pieces = (paths, *(domain_files.numbers(table, column)
                                     for column in ('shard', 'offset',
                                                    'size')))
        mask = self._subset_mask(table)
        mask &= self._flag_mask(table, mask)
        records = records.select(mask)
        if 'images' in self.info:
            check_entries(self.data_root,
                          [records.path(i) for i in range(len(records))],
                          posixpath.join(self.folder, domain_files.TABLE))
        return records

    def _subset_mask(self, table: Any) -> np.ndarray:
        subset_of, subsets = domain_files.codes(table, 'subset')
        wrong = sorted(set(subsets) - set(domain_files.SUBSETS))
        if wrong:
            raise ValueError(
                f'{self.folder}: the column subset holds {name_some(wrong)}, '
                f'expected some of {domain_files.SUBSETS}')
        mask = np.isin(subset_of, [
            i for i, subset in enumerate(subsets) if subset in self.parts])
        if not mask.any():
            raise NoSuchSubsetError(
                f'{self.name} in {self.folder} has no image for subset '
                f'{self.subset!r}, only {sorted(filter(None, subsets))}. '
                'import_domain.py --split makes query and gallery of '
                'labelled images')
        return mask

    def _flag_mask(self, table: Any, mask: np.ndarray) -> np.ndarray:
        dropped = {'junk'} if self.subset == 'gallery' else {
            'junk', 'distractor'}
        flag_of, flags = domain_files.codes(table, 'flag')
        kept = np.isin(flag_of, [
            i for i, flag in enumerate(flags) if flag not in dropped])
        if not kept[mask].all():
            self.log(f'{(~kept[mask]).sum():,} images flagged '
                     f'{" or ".join(sorted(dropped))} dropped')
        return kept

    def image_path(self, index: int) -> str:
        """Where one image is: a file, or a piece of a shard."""
        if 'images' in self.info:
            return super().image_path(index)
        path = self.records.paths[index]
        paths, shards, offsets, sizes = self._pieces
        row = np.searchsorted(paths, path)
        return piece_address(
            f'{self.folder}/{domain_files.shard_name(int(shards[row]))}',
            int(offsets[row]), int(sizes[row]), self.records.path(index))


def sorted_names(names: list[str], owner: str) -> list[int]:
    """Order of names: as numbers if all are numbers, else as texts.

    Raises:
        ValueError: one number is there in two spellings.
    """
    if not all(name.isdecimal() for name in names):
        return sorted(range(len(names)), key=lambda i: names[i])
    if len({int(name) for name in names}) < len(names):
        raise ValueError(f'{owner} {sorted(names)} hold one number in two '
                         "spellings, such as '1' and '01'; write them alike")
    return sorted(range(len(names)), key=lambda i: int(names[i]))


def _number_tracklets(camids: np.ndarray, numbers: np.ndarray,
                      names: list[str]) -> np.ndarray:
    """Numbers of the pairs (camera, tracklet), -1 for none, (N,) int32."""
    rank = np.argsort(np.argsort(names))
    known = np.array([bool(name) for name in names])[numbers]
    pairs = camids.astype(np.int64) * len(names) + rank[numbers]
    result = np.full(len(camids), -1, np.int32)
    if known.any():
        result[known] = np.unique(pairs[known], return_inverse=True)[1]
    return result
