"""Single-camera video: a tree of images in which each video is a camera."""

import os
import time
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from mmreidmix.checks import check_count, name_some
from mmreidmix.datasets.bytes_column import BytesColumn, PathColumn
from mmreidmix.datasets.file_names import compile_pattern, skipped_text
from mmreidmix.datasets.reid_dataset import BaseReIDDataset, ReIDRecords
from mmreidmix.registry import DATASETS

from .folder_scan import TreeScan, folder_stamps, scan_tree
from .index_cache import IndexCache, is_settled
from .video_numbers import VideoNumbers, by_listing, by_parts, by_pattern

# Reading a smaller tree takes as long as checking its index.
_MIN_IMAGES_OF_INDEX = 20_000


@DATASETS.register_module()
class VideoTree(BaseReIDDataset):
    r"""Images of single-camera videos, millions if need be.

    ``camid`` numbers the videos 0, 1, ... in sorted order, ``pid`` is -1
    unless the path tells it. At most one of ``video_parts``, ``pattern`` and
    ``listing`` says what the video of an image is.

    An image costs about 40 bytes of memory. The index of a large tree is
    kept on disk and used again as long as no folder of the tree has changed.

    Args:
        data_root (str | Path): folder of the videos.
        subset (str): 'train' or 'all', which is the same.
        name (str): required here, since results carry it.
        video_parts (int, optional): how many folders make up the video; a
            folder below them is a track. Default: 1.
        pattern (str, optional): regular expression for the whole relative
            path of an image ('/' between the parts), with the named group
            ``video`` and, if wanted, ``track`` and ``pid`` (a number).
        listing (str, optional): file, relative to ``data_root``, with lines
            ``path <tab> video``. Images that are not listed are left out.
        min_images (int): videos with fewer images are left out. Default: 1.
        cache (bool | str): True keeps the index of trees with 20,000 images
            or more in ``.mmreidmix_cache`` beside ``data_root``, or in the
            user's cache folder if that cannot be written; a path keeps it
            there, however small; False keeps none.
        workers (int): threads that read folders. Default: 8.
        **kwargs: see :class:`BaseReIDDataset`.

    Raises:
        FileNotFoundError: there is no image, or a listed one is missing.
        ValueError: also if the video of an image cannot be told (counted,
            three shown).

    Examples:
        >>> street = dict(  # data/street/monday/0007/000123.jpg
        ...     type='VideoTree', data_root='data/street', name='street')
        >>> flat = dict(  # data/flat/monday_p0007_000123.jpg
        ...     type='VideoTree', data_root='data/flat', name='flat',
        ...     pattern=r'(?P<video>[^_]+)_p(?P<pid>\d+)_\d+\.jpg')
    """

    subsets = ('train', 'all')
    tree = '''
  <video>/<image>.jpg          or <video>/<track>/<image>.jpg
'''
    toy_layout = 'videos'

    def __init__(self,
                 data_root: Union[str, Path],
                 subset: str = 'train',
                 *,
                 name: str,
                 video_parts: Optional[int] = None,
                 pattern: Optional[str] = None,
                 listing: Optional[str] = None,
                 min_images: int = 1,
                 cache: Union[bool, str] = True,
                 workers: int = 8,
                 **kwargs: Any):
        if [video_parts, pattern, listing].count(None) < 2:
            raise ValueError(f'{type(self).__name__} {name!r}: give at most '
                             'one of `video_parts`, `pattern` and `listing`')
        self.video_parts = 1 if video_parts is None else video_parts
        check_count(self, 1, video_parts=self.video_parts,
                    min_images=min_images, workers=workers)
        self.pattern = None if pattern is None else compile_pattern(
            self, pattern, ('video', 'track', 'pid'), needed=('video', ))
        self.listing = listing
        self.min_images = min_images
        self.cache = cache
        self.workers = workers
        self.canonical_name = name
        super().__init__(data_root, subset, name=name, **kwargs)
        self.log_videos()

    def load_records(self) -> ReIDRecords:
        """Read the index on disk if it holds, else the tree."""
        start = time.perf_counter()
        cache = self._index_cache()
        arrays = self._load_index(cache)
        source = 'index' if arrays else 'tree'
        arrays = arrays or self._build_index(cache)
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

    def _index_cache(self) -> Optional[IndexCache]:
        if self.cache is False:
            return None
        options = dict(
            video_parts=self.video_parts,
            pattern=self.pattern and self.pattern.pattern,
            listing=self.listing, min_images=self.min_images,
            loader=type(self).__name__)
        folder = None if self.cache is True else self.cache
        return IndexCache(self.data_root, options, folder)

    def _load_index(self, cache: Optional[IndexCache]) -> Optional[dict]:
        arrays = cache.load() if cache else None
        if arrays is None:
            return None
        folders = BytesColumn(arrays['folders'], arrays['folder_offsets'])
        stamps = folder_stamps(self.data_root, folders.tolist(), self.workers)
        if np.array_equal(stamps, arrays['stamps']) and np.array_equal(
                self._listing_stamp(), arrays['listing']):
            return arrays
        self.log('the tree has changed since its index was written')
        return None

    def _build_index(self,
                     cache: Optional[IndexCache]) -> dict[str, np.ndarray]:
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
        is_large = len(scan.names) >= _MIN_IMAGES_OF_INDEX
        if cache and (is_large or self.cache is not True) and is_settled(
                np.append(scan.stamps, listing[:1]), started):
            cache.save(arrays)
        return arrays

    def _arrays(self, scan: TreeScan,
                numbers: VideoNumbers) -> dict[str, np.ndarray]:
        notes = _notes(scan)
        listed = numbers.camids >= 0
        sizes = np.bincount(numbers.camids[listed],
                            minlength=len(numbers.videos))
        if not listed.all():
            notes.append(f'{(~listed).sum():,} images that are not in '
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
        rows = np.flatnonzero(listed & large[numbers.camids])
        names = scan.names
        if len(rows) < len(names):
            names = names.take(rows)
        folder_ids = np.repeat(
            np.arange(len(scan.folders), dtype=np.int32), scan.counts)
        new_camids = np.cumsum(large, dtype=np.int32) - 1
        folders = BytesColumn.from_parts(scan.folders)
        videos = BytesColumn.from_parts(
            [numbers.videos[i] for i in np.flatnonzero(large)])
        return dict(
            folders=folders.blob, folder_offsets=folders.offsets,
            folder_ids=folder_ids[rows],
            names=names.blob, name_offsets=names.offsets,
            pids=numbers.pids[rows],
            camids=new_camids[numbers.camids[rows]],
            tracklets=numbers.tracklets[rows],
            videos=videos.blob, video_offsets=videos.offsets,
            notes=np.frombuffer('\n'.join(notes).encode(), np.uint8))

    def _listing_stamp(self) -> np.ndarray:
        if self.listing is None:
            return np.zeros(3, np.int64)
        status = self.find_file(self.listing).stat()
        return np.array([status.st_mtime_ns, status.st_ctime_ns,
                         status.st_size])


def _notes(scan: TreeScan) -> list[str]:
    notes = []
    skipped = skipped_text(scan.num_hidden, scan.num_others,
                           list(map(os.fsdecode, scan.others[:3])))
    if skipped:
        notes.append(f'left out: {skipped}')
    if scan.empty:
        shown = name_some(map(os.fsdecode, scan.empty[:3]))
        notes.append(f'{len(scan.empty):,} folders are empty, e.g. {shown}')
    return [note.replace('\n', ' ') for note in notes]
