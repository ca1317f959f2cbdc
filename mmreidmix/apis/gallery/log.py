"""The file of a gallery: a log that every change is appended to.

A change is on the disk before it counts. A crash can leave at most one torn
record at the end, which belongs to a change that was never confirmed.
"""

import logging
import os
from collections.abc import Iterable
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmreidmix.files import replace_file

from .records import GalleryError, RecordReader, write_record
from .state import GalleryState, StateReader

NAME = 'gallery.log'
_LOCK = 'gallery.lock'


class FolderLock:
    """The right to write to the folder of a gallery, held by one process.

    It ends with :meth:`release` or with the process, however that ends.

    Args:
        folder (Path): of the gallery; exists.

    Raises:
        GalleryError: it is held already.
    """

    def __init__(self, folder: Path):
        import fcntl  # here, as Windows has none
        self._file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._file, 32).decode() or 'unknown'
            os.close(self._file)
            raise GalleryError(
                f'the gallery {folder} is open for writing already (process '
                f'{owner}): close it there, or open it with read_only=True'
            ) from None
        os.truncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

    def release(self) -> None:
        """Let others write."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def write_log(path: Path, records: Iterable[tuple[dict, list]]) -> None:
    """Write a whole log and put it in its place in one step.

    Args:
        path (Path): the file; what is there stays until the new one is whole.
        records (Iterable[tuple[dict, list]]): headers with their arrays.
    """
    def write(stream):
        for header, arrays in records:
            write_record(stream.write, header, arrays)
        stream.flush()
        os.fsync(stream.fileno())

    replace_file(path, write)
    _sync_folder(path.parent)


class GalleryLog:
    """A log that is open for reading once and appending afterwards.

    Args:
        folder (Path): holds the log.
        read_only (bool): never write, and take no lock.

    Raises:
        GalleryError: the folder holds no log, or another process writes.
    """

    def __init__(self, folder: Path, read_only: bool):
        self.path = folder / NAME
        if not self.path.is_file():
            raise GalleryError(
                f'{folder} holds no gallery (there is no {NAME} in it): '
                'check the folder, or make a gallery with Gallery.create')
        self._lock = None if read_only else FolderLock(folder)
        self._file = None
        self._end = 0

    def read(self) -> GalleryState:
        """Go through all records, and make ready for appending.

        Raises:
            GalleryError: the file is damaged; names file and offset.
        """
        content = StateReader()
        reader = RecordReader(self.path, content.room, content.apply)
        reader.read()
        if content.state is None:
            raise reader.damage('its first record is not whole')
        self._end = reader.end
        if self._lock is None:
            return content.state
        for part in self.path.parent.glob('gallery-*.part'):
            part.unlink()  # a whole log that a crash kept from its place
        self._file = os.open(self.path, os.O_RDWR)
        if reader.end < reader.size:
            self._set_aside(reader.size)
        return content.state

    def append(self, header: dict, arrays: Iterable[np.ndarray] = ()) -> None:
        """Append a record; it is on the disk when this returns.

        If it cannot be written, the log is as it was before.
        """
        self._check()
        end = self._end

        def write(data):
            nonlocal end
            data = memoryview(data)
            while data:
                written = os.pwrite(self._file, data, end)
                end += written
                data = data[written:]

        try:
            write_record(write, header, arrays)
            os.fsync(self._file)
        except BaseException:
            self._cut()
            raise
        self._end = end

    def rewrite(self, records: Iterable[tuple[dict, list]]) -> None:
        """Put other records in the place of all, in one step."""
        self._check()
        try:
            write_log(self.path, records)
        finally:  # whichever file is there now, it is the one to append to
            os.close(self._file)
            self._file = None
            self._file = os.open(self.path, os.O_RDWR)
            self._end = os.fstat(self._file).st_size

    def close(self) -> None:
        """Close the file and release the lock."""
        self._stop()
        if self._lock is not None:
            self._lock.release()

    @contextmanager
    def stopping(self):
        """Take no more records if what is inside does not succeed.

        What is in memory may then not be what is on the disk.
        """
        try:
            yield
        except BaseException:
            self._stop()
            raise

    def _stop(self):
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _check(self):
        if self._file is None:
            raise GalleryError(f'a change of {self.path} was interrupted: '
                               'open the gallery again')

    def _cut(self) -> None:
        """Take a part of a record off again, or never append after it."""
        try:
            os.ftruncate(self._file, self._end)
        except OSError:
            self._stop()

    def _set_aside(self, size: int) -> None:
        num = size - self._end
        torn = next(path for path in (
            self.path.with_name(f'torn-{self._end}-{n}.bin') for n in count())
            if not path.exists())
        with open(self.path, 'rb') as source:
            source.seek(self._end)
            replace_file(torn, lambda stream: _copy(source, stream))
        os.ftruncate(self._file, self._end)
        os.fsync(self._file)
        print_log(
            f'{self.path} ended within a record, as after a crash: its last '
            f'{num} bytes were moved to {torn.name}. The change they belong '
            'to was never confirmed; all before it are there', 'current',
            logging.WARNING)


def _copy(source, target):
    for part in iter(lambda: source.read(1 << 20), b''):
        target.write(part)


def _sync_folder(folder: Path) -> None:
    """Make a new name of a file outlast a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
