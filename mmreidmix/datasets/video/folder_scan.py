"""Reading a tree of millions of images, with threads."""

import os
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from mmreidmix.datasets.bytes_column import BytesColumn
from mmreidmix.datasets.file_names import IMAGE_SUFFIXES, is_litter

#: Folder of cached indices; no part of any tree.
CACHE_FOLDER = '.mmreidmix_cache'

_SUFFIXES = tuple(suffix.encode() for suffix in IMAGE_SUFFIXES)
_FOLDERS_PER_TASK = 32


@dataclass
class TreeScan:
    """All images below a folder, folder after folder.

    Folders are in the order of their parts, the names in each in the order
    of their bytes.

    Attributes:
        folders (list[bytes]): Every folder, relative, b'' the root itself,
            also those without an image.
        counts (np.ndarray): (F,) int64, images in each folder.
        stamps (np.ndarray): (F, 2) int64, see :func:`folder_stamps`.
        names (BytesColumn): Base names of the images.
        num_others (int): Files without an image suffix.
        others (list[bytes]): Some of them.
        empty (list[bytes]): Folders that hold nothing.
    """

    folders: list
    counts: np.ndarray
    stamps: np.ndarray
    names: BytesColumn
    num_others: int
    others: list
    empty: list


@dataclass
class _Folder:
    path: bytes
    stamp: tuple
    joined: bytes = b''
    lengths: array = field(default_factory=lambda: array('i'))
    inner: list = field(default_factory=list)
    others: list = field(default_factory=list)
    num_others: int = 0


def scan_tree(root, workers: int = 8) -> TreeScan:
    """List all images below a folder.

    Links to folders are followed, each real folder at most once on one way
    down. Litter of operating systems is passed over.

    Args:
        root (str | Path): The folder.
        workers (int): Threads; they hide the waiting for a slow or remote
            disk.

    Raises:
        OSError: If a folder cannot be read.
    """
    top = os.fsencode(root)
    found, level = [], [b'']
    with ThreadPoolExecutor(workers) as pool:
        while level:
            read = list(_in_tasks(pool, lambda path: _read(top, path), level))
            found += read
            level = [inner for folder in read for inner in folder.inner]
    found.sort(key=lambda folder: folder.path.split(b'/'))
    joined = b''.join([folder.joined for folder in found])
    lengths = np.concatenate([np.array(f.lengths, np.int32) for f in found])
    return TreeScan(
        folders=[folder.path for folder in found],
        counts=np.array([len(folder.lengths) for folder in found], np.int64),
        stamps=np.array([folder.stamp for folder in found], np.int64),
        names=BytesColumn.from_joined(joined, lengths),
        num_others=sum(folder.num_others for folder in found),
        others=[name for folder in found for name in folder.others],
        empty=[folder.path for folder in found
               if not (folder.lengths or folder.inner or folder.num_others)])


def folder_stamps(root, folders: Sequence[bytes],
                  workers: int = 8) -> Optional[np.ndarray]:
    """Times at which folders were changed last.

    Adding, removing or renaming an entry changes the time of its folder, so
    equal stamps of all folders mean an equal listing.

    Args:
        root (str | Path): Folder that the others are relative to.
        folders (Sequence[bytes]): F relative paths.
        workers (int): Threads.

    Returns:
        np.ndarray: (F, 2) int64, nanoseconds of the last change of the
        entries and of the folder itself; None if a folder is gone.
    """
    top = os.fsencode(root)
    with ThreadPoolExecutor(workers) as pool:
        try:
            stamps = list(_in_tasks(
                pool, lambda path: _stamp(_join(top, path)), folders))
        except OSError:
            return None
    return np.array(stamps, np.int64)


def _in_tasks(pool, work, items: Sequence) -> Iterator:
    """Map over items, several at a time: a task costs more than an item."""
    tasks = (items[i:i + _FOLDERS_PER_TASK]
             for i in range(0, len(items), _FOLDERS_PER_TASK))
    for results in pool.map(lambda some: [work(item) for item in some],
                            tasks):
        yield from results


def _read(top: bytes, path: bytes) -> _Folder:
    absolute = _join(top, path)
    # before the listing: a change in between must not go unnoticed
    folder = _Folder(path, _stamp(absolute))
    names, inner = [], []
    with os.scandir(absolute) as entries:
        for entry in entries:
            if entry.is_dir():
                if _is_wanted(top, path, entry):
                    inner.append(_join(path, entry.name))
            elif entry.name.lower().endswith(_SUFFIXES):
                if not entry.name.startswith(b'._'):
                    names.append(entry.name)
            elif not is_litter(os.fsdecode(entry.name)):
                folder.num_others += 1
                if len(folder.others) < 4:
                    folder.others.append(_join(path, entry.name))
    names.sort()
    folder.joined = b''.join(names)
    folder.lengths = array('i', map(len, names))
    folder.inner = sorted(inner)
    return folder


def _is_wanted(top: bytes, path: bytes, entry) -> bool:
    name = os.fsdecode(entry.name)
    if is_litter(name) or name == CACHE_FOLDER:
        return False
    if not entry.is_symlink():
        return True
    parts = path.split(b'/') if path else []
    above = {os.path.realpath(_join(top, b'/'.join(parts[:depth])))
             for depth in range(len(parts) + 1)}
    return os.path.realpath(entry.path) not in above


def _stamp(path: bytes) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_mtime_ns, status.st_ctime_ns


def _join(folder: bytes, name: bytes) -> bytes:
    return folder + b'/' + name if folder and name else folder or name
