"""Which video, track and identity an image of a tree belongs to."""

import os
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from mmreidmix.checks import name_some
from mmreidmix.datasets.bytes_column import BytesColumn, join_path
from mmreidmix.datasets.file_names import mismatch_text

from .folder_scan import TreeScan


class VideoNumbers(NamedTuple):
    """Columns beside the N images of a scan.

    Attributes:
        videos (list[bytes]): names of the V videos, sorted.
        camids (np.ndarray): (N,) int32, video of each image, -1 = leave out.
        tracklets (np.ndarray): (N,) int32, -1 = none.
        pids (np.ndarray): (N,) int32, -1 = unknown.
    """

    videos: list[bytes]
    camids: np.ndarray
    tracklets: np.ndarray
    pids: np.ndarray


class TooShallowError(ValueError):
    """Images that do not lie deep enough to be in the folder of a video."""


def by_parts(scan: TreeScan, parts: int) -> VideoNumbers:
    """The first folders are the video, the folders below them the track.

    Args:
        scan (TreeScan): the tree.
        parts (int): how many folders make up the video.

    Raises:
        TooShallowError: images lie above the folders of the videos.
    """
    videos: dict[bytes, int] = {}
    num_tracks, shallow = 0, []
    camids = np.full(len(scan.folders), -1, np.int32)
    tracklets = np.full(len(scan.folders), -1, np.int32)
    for row in np.flatnonzero(scan.counts).tolist():
        folder = scan.folders[row]
        names = folder.split(b'/') if folder else []
        if len(names) < parts:
            shallow.append(row)
        camids[row] = videos.setdefault(
            b'/'.join(names[:parts]), len(videos))
        if len(names) > parts:
            tracklets[row] = num_tracks
            num_tracks += 1
    if shallow:
        folders = [os.fsdecode(scan.folders[row]) or '.' for row in shallow]
        raise TooShallowError(
            f'{scan.counts[shallow].sum():,} of {len(scan.names):,} images '
            f'lie less than {parts} folders deep, so that they are in no '
            f'video, in: {name_some(folders, 3)}')
    return VideoNumbers(
        list(videos), np.repeat(camids, scan.counts),
        np.repeat(tracklets, scan.counts), _unknown(scan))


def by_pattern(scan: TreeScan, pattern: re.Pattern) -> VideoNumbers:
    """Groups of a regular expression are the video, the track and the pid.

    Args:
        scan (TreeScan): the tree.
        pattern (re.Pattern): for the whole relative path of an image.

    Raises:
        ValueError: paths do not match (counted, the first shown), or a pid
            is no number below 2**31.
    """
    camids, tracklets, pids = array('i'), array('i'), array('i')
    videos: dict[bytes, int] = {}
    tracks: dict[tuple[int, str], int] = {}
    num_wrong, first_wrong = 0, ''
    for path in _paths(scan):
        match = pattern.fullmatch(path)
        groups = match.groupdict() if match else {}
        video, track = groups.get('video'), groups.get('track')
        if not video:
            first_wrong = first_wrong or path
            num_wrong += 1
            continue
        number = videos.setdefault(os.fsencode(video), len(videos))
        camids.append(number)
        tracklets.append(tracks.setdefault((number, track), len(tracks))
                         if track else -1)
        pids.append(_pid(groups.get('pid'), path))
    if num_wrong:
        raise ValueError(mismatch_text(
            pattern, first_wrong, num_wrong, len(scan.names)))
    names = list(videos)
    # the last one is for images without a track
    track_ranks = np.append(
        _ranks([(names[number], track) for number, track in tracks]), -1)
    return VideoNumbers(
        sorted(names), _ranks(names)[np.array(camids)],
        track_ranks[np.array(tracklets)].astype(np.int32),
        np.array(pids, np.int32))


def by_listing(scan: TreeScan, listing: Path) -> VideoNumbers:
    """Lines ``path <tab> video`` of a file; other images are left out.

    Args:
        scan (TreeScan): the tree.
        listing (Path): the file; names of videos are taken as they are.

    Raises:
        ValueError: nothing is listed, a line has not two cells, or a path is
            listed twice.
        FileNotFoundError: listed images are not there.
    """
    folder_of = {name: row for row, name in enumerate(scan.folders)}
    rows, numbers, names, videos, missing = _read_listing(listing, folder_of)
    num_lines = len(rows) + len(missing)
    if not num_lines:
        raise ValueError(f'{listing}: no image is listed')
    images = np.full(len(rows), -1)  # of each line
    order = np.argsort(rows, kind='stable')
    lines_of = np.split(order, np.searchsorted(
        rows[order], np.arange(1, len(scan.folders))))
    last = np.cumsum(scan.counts)
    for row, lines in enumerate(lines_of):
        if len(lines):
            first = last[row] - scan.counts[row]
            image_of = {name: image for image, name in enumerate(
                scan.names.slice(first, last[row]), first)}
            images[lines] = [image_of.get(name, -1)
                             for name in names.take(lines)]

    def paths(lines: np.ndarray) -> list[bytes]:
        return [join_path(scan.folders[rows[i]], names[i]) for i in lines]

    missing += paths(np.flatnonzero(images < 0))
    if missing:
        raise FileNotFoundError(
            f'{listing}: {len(missing):,} of {num_lines:,} listed images are '
            f'not there, e.g. {_sorted_names(missing)}')
    twice = set(paths(np.flatnonzero(np.bincount(images)[images] > 1)))
    if twice:
        raise ValueError(f'{listing}: {len(twice):,} images are listed more '
                         f'than once, e.g. {_sorted_names(twice)}')
    camids = _unknown(scan)
    camids[images] = _ranks(videos)[numbers]
    return VideoNumbers(sorted(videos), camids, _unknown(scan),
                        _unknown(scan))


def _read_listing(
    listing: Path, folder_of: Mapping[bytes, int]
) -> tuple[np.ndarray, np.ndarray, BytesColumn, list[bytes], list[bytes]]:
    """Folder, video and base name of each line; the names of the videos.

    Lines whose folder is not there are apart, at the end.
    """
    rows, numbers, lengths = array('q'), array('q'), array('q')
    joined, missing = bytearray(), []
    videos: dict[bytes, int] = {}
    with open(listing, 'rb') as file:
        for number, line in enumerate(file, 1):
            cells = line.rstrip(b'\r\n').split(b'\t')
            if len(cells) != 2 or not all(cells):
                if not line.strip():
                    continue
                raise ValueError(
                    f'{listing}, line {number}: expected a path, a tab and '
                    f'the name of a video, got {os.fsdecode(line)!r}')
            folder, _, name = cells[0].rpartition(b'/')
            row = folder_of.get(folder)
            if row is None:
                missing.append(cells[0])
                continue
            rows.append(row)
            numbers.append(videos.setdefault(cells[1], len(videos)))
            lengths.append(len(name))
            joined += name
    names = BytesColumn.from_joined(bytes(joined), np.array(lengths))
    return np.array(rows), np.array(numbers), names, list(videos), missing


def _paths(scan: TreeScan) -> Iterator[str]:
    names = iter(scan.names)
    for folder, count in zip(scan.folders, scan.counts.tolist()):
        prefix = os.fsdecode(join_path(folder, b''))
        for name in islice(names, count):
            yield prefix + os.fsdecode(name)


def _pid(text: Optional[str], path: str) -> int:
    if not text:
        return -1
    if not text.isdecimal() or int(text) >= 2**31:
        raise ValueError(f'{path}: pid is {text!r}, expected a number below '
                         '2**31')
    return int(text)


def _ranks(items: Sequence) -> np.ndarray:
    """Positions that the items have in sorted order."""
    ranks = np.empty(len(items), np.int32)
    ranks[sorted(range(len(items)), key=items.__getitem__)] = np.arange(
        len(items))
    return ranks


def _unknown(scan: TreeScan) -> np.ndarray:
    return np.full(len(scan.names), -1, np.int32)


def _sorted_names(paths: Iterable[bytes]) -> str:
    return name_some(sorted(map(os.fsdecode, paths)), 3)
