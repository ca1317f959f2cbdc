"""Base of the data sets: the images of one domain and one subset.

How the names and folders of a data set are read is in
:mod:`mmreidmix.datasets.public` and :mod:`mmreidmix.datasets.manifest`.
"""

import logging
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from json import JSONDecodeError
from pathlib import Path
from typing import Any, ClassVar, Optional, Union

import numpy as np
from mmengine.dataset import Compose
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmreidmix.checks import check_choice, check_range, name_some
from mmreidmix.registry import TRANSFORMS

from .file_names import leaves_root
from .image_bytes import num_bytes
from .records import ReIDRecords, path_text
from .transforms.loading import ImageReadError, read_image

SUBSETS = ('train', 'query', 'gallery', 'all')
PARTS = SUBSETS[:3]


class NoSuchSubsetError(ValueError):
    """A data set is there, but has no image for the subset asked for."""


class BaseReIDDataset(Dataset):
    """Images of one domain and one subset.

    A subclass implements :meth:`load_records` and sets the class attributes.
    Loading then drops junk images everywhere and distractors everywhere but
    in the gallery, sorts by path and compares the counts with
    :attr:`expected`; every number is logged.

    Args:
        data_root (str | Path): folder that contains the official top folder
            of the data set, or that folder itself.
        subset (str): one of :attr:`subsets`; 'all' is train, query and
            gallery joined as training data (no evaluation on this set is
            allowed then).
        pipeline (Sequence): transforms, as dicts or callables.
        name (str, optional): name that results carry. Defaults to the
            canonical one; give another for data that is not the standard
            set (a re-split, a part), which also turns the warning about
            counts into a plain message.
        bad_images (str): 'stop' raises when a damaged image is met; 'skip'
            reads every image once now and leaves the damaged ones out.
        pid_range (tuple[int, int], optional): keep the identities whose rank
            in the sorted list of this subset's original pids is in [a, b).
            Holds out identities of a training set: ``(0, 600)`` here,
            ``(600, 751)`` there. Images without identity are left out,
            gallery distractors stay.
        single_camera (str, optional): treat training images as videos of one
            camera each, as methods for single-camera data do: 'camera' makes
            a video of all images of a camera, 'tracklet' of each (camera,
            tracklet) (e.g. ``Market1501(tracklets='sequence')``). ``camid``
            is then the number of the video. Identities are kept as they are;
            a :class:`DomainMixture` hides those of an unlabelled domain.

    Attributes:
        records (ReIDRecords): the images, sorted by path.
        camera_names (tuple[str]): original camera token of each camid; its
            number where a class names none.
        counts_ok (bool): False if the counts differ from the expected ones,
            or if ``pid_range`` or ``bad_images`` took images away.
        count_differences (str): how they differ from the expected ones; empty
            if they do not.

    Raises:
        FileNotFoundError: the folder, a list or a listed image is missing;
            says what was looked for, the expected tree, where to ask for the
            set, and the toy command.
        ValueError: an option is wrong, a name or line does not follow the
            pattern, a camera has no name, an image is listed twice, or a
            path leaves the data root.
    """

    subsets: ClassVar[tuple[str, ...]] = SUBSETS
    #: subset -> images, identities (without distractors), cameras
    expected: dict[str, tuple[int, int, int]] = {}
    #: subset -> images of each camera, distractors included
    expected_per_camera: dict[str, tuple[int, ...]] = {}
    canonical_name: str = 'unnamed'
    camera_names: tuple[str, ...] = ('0', )
    junk_pids: Sequence[int] = ()
    distractor_pids: Sequence[int] = ()
    count_differences: str = ''
    tree: ClassVar[str] = ''
    obtain: ClassVar[str] = ''
    toy_layout: Optional[str] = None

    def __init__(self,
                 data_root: Union[str, Path],
                 subset: str = 'train',
                 pipeline: Sequence[dict] = (),
                 name: Optional[str] = None,
                 bad_images: str = 'stop',
                 pid_range: Optional[tuple[int, int]] = None,
                 single_camera: Optional[str] = None):
        check_choice(self, self.subsets, subset=subset)
        check_choice(self, ('stop', 'skip'), bad_images=bad_images)
        check_choice(
            self, (None, 'camera', 'tracklet'), single_camera=single_camera)
        if single_camera and subset in ('query', 'gallery'):
            raise ValueError(f'{type(self).__name__}: `single_camera` is for '
                             f'training images, not for a {subset}, whose '
                             'cameras the evaluation needs')
        self.subset = subset
        self.name = name or self.canonical_name
        self.data_root = Path(data_root).expanduser().absolute()
        self.pipeline = Compose(
            [TRANSFORMS.build(t) if isinstance(t, dict) else t
             for t in pipeline])
        self.check_root()
        records = self._load()
        self.records = self._clean(records)
        self._check_not_empty(
            f'all of its {len(records):,} images are junk or distractors')
        self.counts_ok = self._check_counts()
        size = len(self)
        if pid_range is not None:
            first, end = check_range(self, pid_range=pid_range)
            self.records = self._keep_pid_range(first, end)
        if bad_images == 'skip':
            self.records = self._drop_unreadable()
            self._check_not_empty(f'none of its {size:,} images can be read')
        self.counts_ok = self.counts_ok and len(self) == size
        if single_camera is not None:
            self.records = self._videos_as_cameras(single_camera)
            self.log_videos()

    def _check_not_empty(self, reason: str) -> None:
        if not len(self):
            raise ValueError(f'{self.name} {self.subset} in {self.data_root} '
                             f'has no image: {reason}')

    def check_root(self) -> None:
        """Raise FileNotFoundError where the data root is not there."""
        if not self.data_root.is_dir():
            raise self.missing([self.data_root])

    def _load(self) -> ReIDRecords:
        """What :meth:`load_records` reads, or why it does not."""
        place = (f'{self.name} {self.subset}: {type(self).__name__}.'
                 f'load_records on {self.data_root}')
        try:
            records = self.load_records()
        except (KeyError, IndexError, AttributeError, TypeError,
                JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f'{place}: {type(error).__name__}: {error}'
                             ) from error
        if not len(records):
            raise self.missing([self.data_root], 'no image found. Looked in:')
        most = int(records.camids.max())
        if self.camera_names is BaseReIDDataset.camera_names:
            self.camera_names = tuple(map(str, range(max(most, 0) + 1)))
        if most >= self.num_cams:
            raise ValueError(
                f'{place}: camera {most}, but `camera_names` has '
                f'{self.num_cams}: name every camera')
        return records

    def load_records(self) -> ReIDRecords:
        """Read the records of ``self.subset``, junk and distractors too."""
        raise NotImplementedError

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders or lists this subset is made of."""
        return PARTS if self.subset == 'all' else (self.subset, )

    @property
    def num_pids(self) -> int:
        """Number of identities; distractors and -1 are none."""
        return len(self._known_pids())

    @property
    def num_cams(self) -> int:
        """Number of cameras of the domain, also those without an image."""
        return len(self.camera_names)

    @property
    def videos(self) -> np.ndarray:
        """(N,) int32, video of each image: its camera."""
        return self.records.camids

    @property
    def metainfo(self) -> dict:
        """Name and subset."""
        return {'name': self.name, 'subset': self.subset}

    def image_path(self, index: int) -> str:
        """Where one image is: what :func:`read_image` takes."""
        return os.path.join(str(self.data_root), self.records.path(index))

    def num_bytes(self, index: int) -> int:
        """Size of one image in bytes, not decoded."""
        return num_bytes(self.image_path(index))

    def get_data_info(self, index: int) -> dict[str, Any]:
        """What the transforms take: the path of one image and its labels."""
        index = range(len(self))[index]
        records = self.records
        return {
            'img_path': self.image_path(index),
            'index': index,
            'pid': int(records.pids[index]),
            'camid': int(records.camids[index]),
            'tracklet': int(records.tracklets[index]),
            'domain': 0,
            # images of 'all' are training data
            'subset': 'train' if self.subset == 'all' else self.subset
        }

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Any:
        return self.pipeline(self.get_data_info(index))

    def log(self, message: str, level: int = logging.INFO) -> None:
        """Log a message that starts with the name and the subset."""
        print_log(f'{self.name} {self.subset}: {message}', logger='current',
                  level=level)

    def log_videos(self) -> None:
        """Log how many images the videos have."""
        sizes = np.bincount(self.videos, minlength=self.num_cams)
        sizes = sizes[sizes > 0]
        self.log(f'{len(sizes):,} videos of {sizes.min():,} to '
                 f'{sizes.max():,} images, median {np.median(sizes):,.0f}, '
                 f'{(sizes == 1).sum():,} of one image')

    def find_folder(self, candidates: Iterable[str]) -> str:
        """First candidate below the data root that is a folder."""
        candidates = list(candidates)
        for candidate in candidates:
            if (self.data_root / candidate).is_dir():
                return candidate
        raise self.missing(self.data_root / c for c in candidates)

    def find_file(self, name: Union[str, Path]) -> Path:
        """Path of a file, given relative to the data root, that exists."""
        path = self.data_root / name
        if not path.is_file():
            raise self.missing([path])
        return path

    def missing(self, looked_for: Iterable[Path],
                problem: str = 'not found. Looked for:') -> FileNotFoundError:
        """The error for an absent data set, with all that helps."""
        lines = [f'{self.name} {self.subset}: {problem}',
                 *(f'  {path}' for path in looked_for)]
        if self.tree:
            lines += ['Expected tree:', self.tree.strip('\n')]
        if self.obtain:
            lines += [f'Where to ask for it: {self.obtain}']
        if self.toy_layout:
            lines += [
                'To go on with toy data instead:',
                '  python tools/dataset_converters/make_toy_data.py '
                f'{self.data_root} --layout {self.toy_layout} '
                '--style <synthetic|real_a|real_b|unseen>'
            ]
        return FileNotFoundError('\n'.join(lines))

    def _clean(self, records: ReIDRecords) -> ReIDRecords:
        records = records.sorted()
        self._check_paths(records.paths)
        dropped = {'junk': self.junk_pids}
        if self.subset != 'gallery':
            dropped['distractor'] = self.distractor_pids
        for kind, pids in dropped.items():
            mask = np.isin(records.pids, list(pids))
            if mask.any():
                self.log(f'{mask.sum():,} {kind} images dropped')
                records = records.select(~mask)
        return records

    def _check_paths(self, paths: np.ndarray) -> None:
        twice = np.unique(paths[1:][paths[1:] == paths[:-1]])
        if len(twice):
            raise ValueError(
                f'{self.name} {self.subset}: {len(twice):,} images are listed '
                'more than once, e.g. '
                f'{name_some(map(path_text, twice))}')
        suspects = paths[(np.char.find(paths, b'..') >= 0)
                         | np.char.startswith(paths, b'/')]
        outside = [p for p in map(path_text, suspects) if leaves_root(p)]
        if outside:
            raise ValueError(
                f'{self.name} {self.subset}: {len(outside):,} paths leave '
                f'{self.data_root}, e.g. {name_some(outside)}')

    def _known_pids(self) -> np.ndarray:
        pids = np.unique(self.records.pids)
        return pids[(pids >= 0) & ~np.isin(pids, list(self.distractor_pids))]

    def _check_counts(self) -> bool:
        records = self.records
        found = (len(records), self.num_pids, len(np.unique(records.camids)))
        self.log('{:,} images, {:,} identities, {:,} cameras'.format(*found))
        wanted = self.expected.get(self.subset)
        if wanted is None:
            return True
        differences = [
            f'{what} {want:,} expected, {have:,} found ({have - want:+,})'
            for what, want, have in zip(('images', 'ids', 'cameras'), wanted,
                                        found) if want != have
        ]
        per_camera = tuple(
            np.bincount(records.camids, minlength=self.num_cams).tolist())
        wanted_per_camera = self.expected_per_camera.get(
            self.subset, per_camera)
        if per_camera != wanted_per_camera:
            differences.append(f'images per camera {wanted_per_camera} '
                               f'expected, {per_camera} found')
        if not differences:
            return True
        message = self.count_differences = '; '.join(differences)
        if self.name == self.canonical_name:
            self.log(
                f'{message}: results on it must not carry the standard name '
                f'(set `name` to another than {self.canonical_name!r})',
                logging.WARNING)
        else:
            self.log(f'counts are not those of {self.canonical_name}: '
                     f'{message}')
        return False

    def _keep_pid_range(self, start: int, stop: int) -> ReIDRecords:
        known = self._known_pids()
        kept = known[start:stop] if 0 <= start < stop else known[:0]
        if not len(kept):
            raise ValueError(
                f'{self.name} {self.subset}: `pid_range` ({start}, {stop}) '
                f'selects no identity; give 0 <= a < b with a below the '
                f'{len(known):,} identities there are')
        mask = np.isin(self.records.pids, kept)
        if self.subset == 'gallery':
            mask |= np.isin(self.records.pids, list(self.distractor_pids))
        self.log(f'pid_range ({start}, {stop}) keeps {len(kept):,} of '
                 f'{len(known):,} identities, {mask.sum():,} of '
                 f'{len(mask):,} images')
        return self.records.select(mask)

    def _videos_as_cameras(self, kind: str) -> ReIDRecords:
        records = self.records
        videos = records.camids.astype(np.int64) << 32
        if kind == 'tracklet':
            without = (records.tracklets < 0).sum()
            if without:
                raise ValueError(
                    f"{self.name} {self.subset}: single_camera='tracklet' "
                    f'needs a tracklet for every image, {without:,} of '
                    f'{len(self):,} have none (Market1501 has '
                    "tracklets='sequence')")
            videos += records.tracklets
        videos, camids = np.unique(videos, return_inverse=True)
        self.camera_names = tuple(
            self.camera_names[video >> 32]
            + (f'/{video & 0xFFFFFFFF}' if kind == 'tracklet' else '')
            for video in videos.tolist())
        return replace(records, camids=camids.astype(np.int32))

    def _drop_unreadable(self) -> ReIDRecords:
        def readable(index: int) -> bool:
            try:
                read_image(self.image_path(index))
            except ImageReadError:
                return False
            return True

        with ThreadPoolExecutor() as pool:
            good = np.fromiter(
                pool.map(readable, range(len(self))), bool, len(self))
        bad = np.flatnonzero(~good)
        if not len(bad):
            self.log(f'all {len(good):,} images can be read')
            return self.records
        self.log(
            f'{len(bad):,} of {len(good):,} images cannot be read and are '
            f'skipped: {name_some(map(self.records.path, bad))}',
            logging.WARNING)
        return self.records.select(good)
