"""Single-camera video: a tree of images in which each video is a camera."""

import os
import re
import time
from typing import Optional, Union

import numpy as np

from mmreidmix.checks import check_choice, check_count, name_some
from mmreidmix.datasets.bytes_column import BytesColumn, PathColumn
from mmreidmix.datasets.reid_dataset import BaseReIDDataset, ReIDRecords
from mmreidmix.registry import DATASETS

from .folder_scan import TreeScan, folder_stamps, scan_tree
from .index_cache import IndexCache, is_settled
from .video_numbers import VideoNumbers, by_listing, by_parts, by_pattern

# Reading fewer images takes as long as checking what was kept of them.
_WORTH_KEEPING = 20_000


@DATASETS.register_module()
class VideoTree(BaseReIDDataset):
    r"""Images of single-camera videos, millions if need be.

    ``camid`` numbers the videos 0, 1, ... in sorted order, ``pid`` is -1
    unless the path tells it. At most one of `video_parts`, `pattern` and
    `listing` says what the video of an image is.

    An image costs about 40 bytes of memory. The index of a large tree is
    kept on disk and used again as long as no folder of the tree has changed.

    Args:
        data_root (str | Path): Folder of the videos.
        subset (str): 'train' or 'all', which is the same.
        name (str): Required here, since results carry it.
        video_parts (int, optional): How many folders make up the video; a
            folder below them is a track. Default: 1.
        pattern (str, optional): Regular expression for the whole relative
            path of an image ('/' between the parts), with the named group
            ``video`` and, if wanted, ``track`` and ``pid`` (a number).
        listing (str, optional): File, relative to `data_root`, with lines
            ``path <tab> video``. Images that are not listed are left out.
        min_images (int): Videos with fewer images are left out. Default: 1.
        cache (bool | str): True keeps the index of trees with 20,000 images
            or more in ``.mmreidmix_cache`` beside `data_root`, or in the
            user's cache folder if that cannot be written; a path keeps it
            there, however small; False keeps none.
        workers (int): Threads that read folders. Default: 8.
        **kwargs: See :class:`BaseReIDDataset`.

    Raises:
        FileNotFoundError: If there is no image, or a listed one is missing.
        ValueError: If an option is wrong, or the video of an image cannot be
            told (counted, three shown).

    Examples:
        >>> street = dict(  # data/street/monday/0007/000123.jpg
        ...     type='VideoTree', data_root='data/street', name='street')
        >>> flat = dict(  # data/flat/monday_p0007_000123.jpg
        ...     type='VideoTree', data_root='data/flat', name='flat',
        ...     pattern=r'(?P<video>[^_]+)_p(?P<pid>\d+)_\d+\.jpg')
    """

    tree = '''
  <video>/<image>.jpg          or <video>/<track>/<image>.jpg
'''
    toy_layout = 'videos'

    def __init__(self,
                 data_root,
                 subset: str = 'train',
                 *,
                 name: str,
                 video_parts: Optional[int] = None,
                 pattern: Optional[str] = None,
                 listing: Optional[str] = None,
                 min_images: int = 1,
                 cache: Union[bool, str] = True,
                 workers: int = 8,
                 **kwargs):
        check_choice(self, ('train', 'all'), subset=subset)
        if [video_parts, pattern, listing].count(None) < 2:
            raise ValueError(f'{type(self).__name__} {name!r}: give at most '
                             'one of `video_parts`, `pattern` and `listing`')
        self.video_parts = 1 if video_parts is None else video_parts
        check_count(
            self,
            1,
            video_parts=self.video_parts,
            min_images=min_images,
            workers=workers)
        self.pattern = None if pattern is None else _compile(pattern)
        self.listing = listing
        self.min_images = min_images
        self.cache = cache
        self.workers = workers
        self.canonical_name = name
        super().__init__(data_root, subset, name=name, **kwargs)
        self.log_videos()

    def load_records(self) -> ReIDRecords:
        """Take the kept index, or read the tree."""
        start = time.perf_counter()
        cache = self._cache()
        arrays = self._kept(cache)
        source = 'index' if arrays else 'tree'
        arrays = arrays or self._build(cache)
        for note in arrays['notes'].tobytes().decode().splitlines():
            self.log(note)
        self.camera_names = tuple(
            os.fsdecode(video) for video in BytesColumn(
                arrays['videos'], arrays['video_offsets']).tolist())
        self.log(f'{len(arrays["pids"]):,} images of {self.num_cams:,} videos '
                 f'read from the {source} in '
                 f'{time.perf_counter() - start:.1f} s')
        return ReIDRecords(
            PathColumn(
                BytesColumn(arrays['folders'], arrays['folder_offsets']),
                arrays['folder_ids'],
                BytesColumn(arrays['names'], arrays['name_offsets'])),
            *(arrays[key] for key in ('pids', 'camids', 'tracklets')))

    def number_videos(self, scan: TreeScan) -> VideoNumbers:
        """Say what belongs to which video; a subclass may know better."""
        if self.listing is not None:
            return by_listing(scan, self.data_root / self.listing)
        if self.pattern is not None:
            return by_pattern(scan, self.pattern)
        return by_parts(scan, self.video_parts)

    def _clean(self, records: ReIDRecords) -> ReIDRecords:
        # sorted, free of duplicates and inside the root, as it was listed
        return records

    def _cache(self) -> Optional[IndexCache]:
        if self.cache is False:
            return None
        options = dict(
            video_parts=self.video_parts,
            pattern=self.pattern and self.pattern.pattern,
            listing=self.listing, min_images=self.min_images,
            loader=type(self).__name__)
        folder = None if self.cache is True else self.cache
        return IndexCache(self.data_root, options, folder)

    def _kept(self, cache: Optional[IndexCache]) -> Optional[dict]:
        arrays = cache.load() if cache else None
        if arrays is None:
            return None
        folders = BytesColumn(arrays['folders'], arrays['folder_offsets'])
        stamps = folder_stamps(self.data_root, folders.tolist(), self.workers)
        if stamps is not None and np.array_equal(
                stamps, arrays['stamps']) and np.array_equal(
                    self._listing_stamp(), arrays['listing']):
            return arrays
        self.log('the tree has changed since its index was written')
        return None

    def _build(self, cache: Optional[IndexCache]) -> dict[str, np.ndarray]:
        started = time.time_ns()
        listing = self._listing_stamp()
        scan = scan_tree(self.data_root, self.workers)
        if not len(scan.names):
            raise self.missing([self.data_root])
        try:
            numbers = self.number_videos(scan)
        except (ValueError, FileNotFoundError) as error:
            raise type(error)(f'{self.name} in {self.data_root}: '
                              f'{error}') from error
        arrays = self._arrays(scan, numbers)
        arrays.update(stamps=scan.stamps, listing=listing)
        wanted = self.cache is not True or len(scan.names) >= _WORTH_KEEPING
        if cache and wanted and is_settled(
                np.append(scan.stamps, listing[:1]), started):
            cache.save(arrays)
        return arrays

    def _arrays(self, scan: TreeScan,
                numbers: VideoNumbers) -> dict[str, np.ndarray]:
        notes = _notes(scan)
        sizes = np.bincount(numbers.camids[numbers.camids >= 0],
                            minlength=len(numbers.videos))
        unlisted = (numbers.camids < 0).sum()
        if unlisted:
            notes.append(f'{unlisted:,} images that are not in '
                         f'{self.listing} are left out')
        large = sizes >= self.min_images
        if not large.all():
            notes.append(f'{(~large).sum():,} videos with fewer than '
                         f'{self.min_images} images are left out')
        if not large.any():
            raise ValueError(
                f'{self.name} in {self.data_root}: none of '
                f'{len(numbers.videos):,} videos has {self.min_images} images '
                f'(`min_images`), the largest has {sizes.max(initial=0):,}')
        names, folder_ids = scan.names, np.repeat(
            np.arange(len(scan.folders), dtype=np.int32), scan.counts)
        rows = slice(None)
        if unlisted or not large.all():
            rows = np.flatnonzero((numbers.camids >= 0)
                                  & large[numbers.camids])
            names = names.take(rows)
        renumbered = np.cumsum(large, dtype=np.int32) - 1
        folders = BytesColumn.from_parts(scan.folders)
        videos = BytesColumn.from_parts(
            [video for video, kept in zip(numbers.videos, large) if kept])
        return dict(
            folders=folders.blob, folder_offsets=folders.offsets,
            folder_ids=folder_ids[rows],
            names=names.blob, name_offsets=names.offsets,
            pids=numbers.pids[rows],
            camids=renumbered[numbers.camids[rows]],
            tracklets=numbers.tracklets[rows],
            videos=videos.blob, video_offsets=videos.offsets,
            notes=np.frombuffer('\n'.join(notes).encode(), np.uint8))

    def _listing_stamp(self) -> np.ndarray:
        if self.listing is None:
            return np.zeros(3, np.int64)
        path = self.data_root / self.listing
        if not path.is_file():
            raise self.missing([path])
        status = path.stat()
        return np.array([status.st_mtime_ns, status.st_ctime_ns,
                         status.st_size])


def _notes(scan: TreeScan) -> list[str]:
    notes = []
    for count, what, some in (
            (scan.num_others, 'files without an image suffix are left out',
             scan.others),
            (len(scan.empty), 'folders are empty', scan.empty)):
        if count:
            shown = name_some(map(os.fsdecode, some[:3])).replace('\n', ' ')
            notes.append(f'{count:,} {what}, e.g. {shown}')
    return notes


def _compile(pattern: str) -> re.Pattern:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f'VideoTree: `pattern` {pattern!r} is not a regular '
                         f'expression: {error}') from error
    groups = compiled.groupindex
    if 'video' not in groups or set(groups) - {'video', 'track', 'pid'}:
        raise ValueError(
            f'VideoTree: `pattern` has the groups {sorted(groups)}; it needs '
            "'video' and may have 'track' and 'pid'")
    return compiled
