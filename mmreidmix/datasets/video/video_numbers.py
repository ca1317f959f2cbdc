"""Which video, track and identity an image of a tree belongs to."""

import os
import re
from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mmreidmix.checks import name_some
from mmreidmix.datasets.bytes_column import BytesColumn

from .folder_scan import TreeScan

# Names made into objects at a time.
_BLOCK = 1 << 16


class VideoNumbers(NamedTuple):
    """Columns beside the N images of a scan.

    Attributes:
        videos (list[bytes]): Names of the V videos, sorted.
        camids (np.ndarray): (N,) int32, video of each image, -1 = leave out.
        tracklets (np.ndarray): (N,) int32, -1 = none.
        pids (np.ndarray): (N,) int32, -1 = unknown.
    """

    videos: list
    camids: np.ndarray
    tracklets: np.ndarray
    pids: np.ndarray


class TooShallowError(ValueError):
    """Images that do not lie deep enough to be in the folder of a video."""


def by_parts(scan: TreeScan, parts: int) -> VideoNumbers:
    """The first folders are the video, the folders below them the track.

    Args:
        scan (TreeScan): The tree.
        parts (int): How many folders make up the video.

    Raises:
        TooShallowError: If images lie above the folders of the videos.
    """
    videos, tracks = {}, {}
    camids = np.full(len(scan.folders), -1, np.int32)
    tracklets = np.full(len(scan.folders), -1, np.int32)
    shallow = np.zeros(len(scan.folders), bool)
    for row in np.flatnonzero(scan.counts).tolist():
        folder = scan.folders[row]
        names = folder.split(b'/') if folder else []
        shallow[row] = len(names) < parts
        video = b'/'.join(names[:parts])
        camids[row] = videos.setdefault(video, len(videos))
        if len(names) > parts:
            tracklets[row] = tracks.setdefault(folder, len(tracks))
    if shallow.any():
        folders = [os.fsdecode(scan.folders[row]) or '.'
                   for row in np.flatnonzero(shallow)]
        raise TooShallowError(
            f'{scan.counts[shallow].sum():,} of {len(scan.names):,} images '
            f'lie less than {parts} folders deep, so that they are in no '
            f'video, in: {name_some(folders[:3])}')
    return VideoNumbers(
        list(videos), np.repeat(camids, scan.counts),
        np.repeat(tracklets, scan.counts), _no_pids(scan))


def by_pattern(scan: TreeScan, pattern: re.Pattern) -> VideoNumbers:
    """Groups of a regular expression are the video, the track and the pid.

    Args:
        scan (TreeScan): The tree.
        pattern (re.Pattern): For the whole relative path of an image.

    Raises:
        ValueError: If paths do not match (counted, three shown), or a pid is
            no number below 2**31.
    """
    camids, tracklets, pids = array('i'), array('i'), array('q')
    videos, tracks, wrong = {}, {}, []
    num_wrong = 0
    for path in _paths(scan):
        match = pattern.fullmatch(path)
        groups = match.groupdict() if match else {}
        video, track = groups.get('video'), groups.get('track')
        if not video:
            num_wrong += 1
            wrong = wrong if len(wrong) > 3 else [*wrong, path]
            continue
        number = videos.setdefault(os.fsencode(video), len(videos))
        camids.append(number)
        tracklets.append(tracks.setdefault((number, track), len(tracks))
                         if track else -1)
        pids.append(_pid(groups.get('pid'), path))
    if num_wrong:
        raise ValueError(
            f'{num_wrong:,} of {len(scan.names):,} paths do not follow '
            f'`pattern` {pattern.pattern!r}, e.g. {name_some(wrong[:3])}')
    names = list(videos)
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.empty(len(names), np.int32)
    rank[order] = np.arange(len(names))
    track_rank = np.empty(len(tracks), np.int32)
    keys = sorted((names[number], track, at)
                  for (number, track), at in tracks.items())
    track_rank[[at for *_, at in keys]] = np.arange(len(tracks))
    tracklets = np.array(tracklets, np.int32)
    tracklets[tracklets >= 0] = track_rank[tracklets[tracklets >= 0]]
    return VideoNumbers([names[i] for i in order],
                        rank[np.array(camids, np.int64)], tracklets,
                        np.array(pids, np.int32))


def by_listing(scan: TreeScan, listing) -> VideoNumbers:
    """Lines ``path <tab> video`` of a file; other images are left out.

    Args:
        scan (TreeScan): The tree.
        listing (str | Path): The file; names of videos are taken as they
            are.

    Raises:
        ValueError: If nothing is listed, a line has not two cells, or a path
            is listed twice.
        FileNotFoundError: If listed images are not there.
    """
    folder_of = {name: row for row, name in enumerate(scan.folders)}
    rows, numbers, names, videos, missing = _read_listing(listing, folder_of)
    num_lines = len(rows) + len(missing)
    if not num_lines:
        raise ValueError(f'{listing}: no image is listed')
    videos, rank = np.unique(np.array(videos, 'S'), return_inverse=True)
    camids = np.full(len(scan.names), -1, np.int32)
    first_of = np.concatenate([[0], np.cumsum(scan.counts)])
    order = np.argsort(rows, kind='stable')
    bounds = np.flatnonzero(np.diff(rows[order])) + 1
    num_missing, twice = len(missing), []
    for lines in np.split(order, bounds) if len(order) else ():
        row = rows[lines[0]]
        first, last = first_of[row], first_of[row + 1]
        listed = np.array(names.take(lines).tolist(), 'S')
        there = np.array(scan.names.slice(first, last) or [b''], 'S')
        at = np.minimum(np.searchsorted(there, listed), len(there) - 1)
        found = (there[at] == listed) & (last > first)
        num_missing += (~found).sum()
        missing += [_join(scan.folders[row], name)
                    for name in listed[~found][:4]]
        at, listed = at[found], listed[found]
        once = np.bincount(at, minlength=1)
        twice += [_join(scan.folders[row], there[i])
                  for i in np.flatnonzero(once > 1)]
        camids[first + at] = rank[numbers[lines[found]]]
    if num_missing:
        raise FileNotFoundError(
            f'{listing}: {num_missing:,} of {num_lines:,} listed images are '
            f'not there, e.g. {_shown(missing)}')
    if twice:
        raise ValueError(f'{listing}: {len(twice):,} images are listed more '
                         f'than once, e.g. {_shown(twice)}')
    nothing = np.full(len(camids), -1, np.int32)
    return VideoNumbers(videos.tolist(), camids, nothing, nothing)


def _read_listing(listing, folder_of: dict):
    """Columns of a listing, and lines whose folder is not there."""
    rows, numbers, lengths = array('q'), array('q'), array('q')
    joined, videos, missing = bytearray(), {}, []
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
            row = folder_of.get(folder, -1)
            if row < 0:
                missing.append(cells[0])
                continue
            rows.append(row)
            numbers.append(videos.setdefault(cells[1], len(videos)))
            lengths.append(len(name))
            joined += name
    names = BytesColumn.from_joined(bytes(joined), np.array(lengths))
    return np.array(rows), np.array(numbers), names, list(videos), missing


def _paths(scan: TreeScan) -> Iterator[str]:
    start = 0
    for folder, count in zip(scan.folders, scan.counts.tolist()):
        prefix = os.fsdecode(folder + b'/' if folder else folder)
        for first in range(start, start + count, _BLOCK):
            last = min(first + _BLOCK, start + count)
            for name in scan.names.slice(first, last):
                yield prefix + os.fsdecode(name)
        start += count


def _pid(text, path: str) -> int:
    if not text:
        return -1
    if not text.isdecimal() or int(text) >= 2**31:
        raise ValueError(f'{path}: pid is {text!r}, expected a number below '
                         '2**31')
    return int(text)


def _no_pids(scan: TreeScan) -> np.ndarray:
    return np.full(len(scan.names), -1, np.int32)


def _join(folder: bytes, name: bytes) -> bytes:
    return folder + b'/' + bytes(name) if folder else bytes(name)


def _shown(paths: list) -> str:
    return name_some(sorted(map(os.fsdecode, paths))[:3])
