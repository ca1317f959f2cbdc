"""Reading a tree of millions of images, with threads."""

import os
from array import array
from collections.abc import Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from mmreidmix.datasets.bytes_column import BytesColumn, join_path
from mmreidmix.datasets.file_names import (
    IMAGE_SUFFIXES,
    is_hidden,
    is_litter,
)

#: Folder of cached indices; no part of any tree.
CACHE_FOLDER = '.mmreidmix_cache'

_SUFFIXES = tuple(suffix.encode() for suffix in IMAGE_SUFFIXES)
# A task of a thread costs more than a folder.
_FOLDERS_PER_TASK = 32


class TreeScan(NamedTuple):
    """All images below a folder, folder after folder.

    Folders are in the order of their parts, the names in each in the order
    of their bytes.

    Attributes:
        folders (list[bytes]): every folder, relative, b'' the root itself,
            also those without an image.
        counts (np.ndarray): (F,) int64, images in each folder.
        stamps (np.ndarray): (F, 2) int64, see :func:`folder_stamps`.
        names (BytesColumn): base names of the images.
        num_hidden (int): hidden files and folders.
        num_others (int): files without an image suffix.
        others (list[bytes]): some of them.
        empty (list[bytes]): folders that hold nothing.
    """

    folders: list[bytes]
    counts: np.ndarray
    stamps: np.ndarray
    names: BytesColumn
    num_hidden: int
    num_others: int
    others: list[bytes]
    empty: list[bytes]


class _Folder(NamedTuple):
    path: bytes
    stamp: tuple[int, int]
    joined_names: bytes
    lengths: array
    inner: list[bytes]
    num_hidden: int
    num_others: int
    others: list[bytes]


def scan_tree(root: Union[str, Path], workers: int = 8) -> TreeScan:
    """List all images below a folder.

    By the rules of :func:`mmreidmix.datasets.file_names.images_below`.

    Args:
        root (str | Path): the folder.
        workers (int): threads; they hide the waiting for a slow or remote
            disk.

    Raises:
        OSError: a folder cannot be read.
    """
    top = os.fsencode(root)
    found: list[_Folder] = []
    level = [b'']
    with ThreadPool(workers) as pool:
        while level:
            read = pool.map(lambda path: _read(top, path), level,
                            _FOLDERS_PER_TASK)
            found += read
            level = [inner for folder in read for inner in folder.inner]
    found.sort(key=lambda folder: folder.path.split(b'/'))
    joined = b''.join([folder.joined_names for folder in found])
    lengths = np.concatenate([np.array(f.lengths, np.int32) for f in found])
    return TreeScan(
        folders=[folder.path for folder in found],
        counts=np.array([len(folder.lengths) for folder in found], np.int64),
        stamps=np.array([folder.stamp for folder in found], np.int64),
        names=BytesColumn.from_joined(joined, lengths),
        num_hidden=sum(folder.num_hidden for folder in found),
        num_others=sum(folder.num_others for folder in found),
        others=[name for folder in found for name in folder.others],
        empty=[folder.path for folder in found
               if not (folder.lengths or folder.inner or folder.num_others
                       or folder.num_hidden)])


def folder_stamps(root: Union[str, Path], folders: Sequence[bytes],
                  workers: int = 8) -> Optional[np.ndarray]:
    """Times at which folders were changed last.

    Adding, removing or renaming an entry changes the time of its folder, so
    equal stamps of all folders mean an equal listing.

    Args:
        root (str | Path): folder that the others are relative to.
        folders (Sequence[bytes]): F relative paths.
        workers (int): threads.

    Returns:
        np.ndarray: (F, 2) int64, nanoseconds of the last change of the
        entries and of the folder itself; None if a folder is gone.
    """
    top = os.fsencode(root)
    with ThreadPool(workers) as pool:
        try:
            stamps = pool.map(lambda path: _stamp(join_path(top, path)),
                              folders, _FOLDERS_PER_TASK)
        except OSError:
            return None
    return np.array(stamps, np.int64)


def _read(top: bytes, path: bytes) -> _Folder:
    absolute = join_path(top, path)
    # before the listing: a change in between must not go unnoticed
    stamp = _stamp(absolute)
    names, inner, others = [], [], []
    num_hidden = num_others = 0
    with os.scandir(absolute) as entries:
        for entry in entries:
            if _is_image(entry):
                names.append(entry.name)
                continue
            name = os.fsdecode(entry.name)
            if is_litter(name) or name == CACHE_FOLDER:
                continue
            if is_hidden(name):
                num_hidden += 1
            elif entry.is_dir():
                if not _leads_up(top, path, entry):
                    inner.append(join_path(path, entry.name))
            else:
                num_others += 1
                if len(others) < 3:
                    others.append(join_path(path, entry.name))
    names.sort()
    return _Folder(
        path, stamp, b''.join(names), array('i', map(len, names)),
        sorted(inner), num_hidden, num_others, others)


def _is_image(entry: os.DirEntry) -> bool:
    """Whether it is a shown image; quick, for there are millions."""
    return not entry.name.startswith(b'.') and not entry.is_dir() and (
        entry.name.lower().endswith(_SUFFIXES))


def _leads_up(top: bytes, path: bytes, entry: os.DirEntry) -> bool:
    """Whether a folder is a link to one on the way down to it."""
    if not entry.is_symlink():
        return False
    parts = path.split(b'/')
    above = {os.path.realpath(os.path.join(top, *parts[:depth]))
             for depth in range(len(parts) + 1)}
    return os.path.realpath(entry.path) in above


def _stamp(path: bytes) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_mtime_ns, status.st_ctime_ns
