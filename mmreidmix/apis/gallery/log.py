"""The file of a gallery: a log that every change is appended to.

A change is on the disk before it counts. A crash can leave at most one torn
record at the end, which belongs to a change that was never confirmed.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, Optional, Union

import numpy as np
from mmengine.logging import print_log

from mmreidmix.files import FileHeldError, FileLock, replace_file

from .log_records import GalleryError, Record, RecordReader, write_record
from .state import GalleryState, StateReader

NAME = 'gallery.log'
_LOCK = 'gallery.lock'
# What replace_file leaves of the log, an index and a torn record.
_PARTS = ('gallery-*.part', 'index-*.part', 'torn-*.part')


class FolderLock:
    """The right to write to the folder of a gallery, held by one process.

    It ends with :meth:`release` or with the process, however that ends.

    Raises:
        GalleryError: it is held already.
    """

    def __init__(self, folder: Path):
        try:
            self._lock = FileLock(folder / _LOCK)
        except FileHeldError as error:
            raise GalleryError(
                f'the gallery {folder} is open for writing already (process '
                f'{error.owner}): close it there, or open it with '
                'read_only=True') from None

    def check(self) -> None:
        """Raise GalleryError in a process forked from the one that has it."""
        if os.getpid() != self._lock.pid:
            raise GalleryError(
                f'the gallery was opened by process {self._lock.pid}, which '
                'this one was forked from: only that one may change it')

    def release(self) -> None:
        """Let others write."""
        self._lock.release()


def write_log(path: Path, records: Iterable[Record]) -> None:
    """Write a whole log and put it in its place in one step."""
    def write(stream: BinaryIO) -> None:
        for header, arrays in records:
            write_record(stream.write, header, arrays)
        stream.flush()
        os.fsync(stream.fileno())

    replace_file(path, write)
    _sync_folder(path.parent)


class GalleryLog:
    """A log that is open for reading once and appending afterwards.

    With ``read_only`` nothing is written and no lock is taken.

    Raises:
        GalleryError: the folder holds no log, or another process writes.
    """

    def __init__(self, folder: Path, read_only: bool):
        self.path = folder / NAME
        if not self.path.is_file():
            raise GalleryError(
                f'{folder} holds no gallery (there is no {NAME} in it): '
                'check the folder, or make a gallery with tools/gallery.py '
                'add or Gallery.create')
        self._lock = None if read_only else FolderLock(folder)
        self._file: Optional[BinaryIO] = None
        self._end = 0

    def read(self) -> GalleryState:
        """Go through all records, and make ready for appending.

        Raises:
            GalleryError: the file is damaged; names file and offset.
        """
        content = StateReader()
        reader = RecordReader(self.path, content.allocate, content.apply)
        reader.read()
        if content.state is None:
            raise reader.damage('its first record is not whole')
        self._end = reader.end
        if self._lock is None:
            return content.state
        for name in _PARTS:
            for part in self.path.parent.glob(name):
                part.unlink()  # a file that a crash kept from its place
        self._open()
        if reader.end < reader.size:
            self._set_aside(reader.size)
        return content.state

    def append(self, header: dict, arrays: Sequence[np.ndarray],
               change: Callable) -> None:
        """Append a record; it is on the disk when this returns.

        If it cannot be written, the log is as it was before. ``change`` does
        in memory what the record says. If it fails, the record is taken back,
        and as what is in memory may not be what is on the disk then, no more
        are accepted.
        """
        self._check()
        self._file.seek(self._end)
        written = False
        try:
            write_record(self._write, header, arrays)
            os.fsync(self._file.fileno())
            written = True
            change()
            self._end = self._file.tell()
        except BaseException:
            self._cut()
            if written:
                self._file.close()
            raise

    def rewrite(self, records: Iterable[Record], change: Callable) -> None:
        """Put other records in the place of all, in one step.

        Torn records go too: they may hold images that were removed.
        ``change`` is as in :meth:`append`; if it fails, the new records stay.
        """
        self._check()
        try:
            write_log(self.path, records)
        finally:  # whichever file is there now, it is the one to append to
            self._file.close()
            self._open()
            self._end = os.fstat(self._file.fileno()).st_size
        for torn in self.path.parent.glob('torn-*.bin'):
            torn.unlink()
        try:
            change()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file and release the lock."""
        if self._file is not None:
            self._file.close()
        if self._lock is not None:
            self._lock.release()

    def _open(self) -> None:
        # Without a buffer: what is written is in the file.
        self._file = open(self.path, 'r+b', buffering=0)  # noqa: SIM115

    def _write(self, data: Union[bytes, np.ndarray]) -> None:
        data = memoryview(data)
        while data:
            data = data[self._file.write(data):]

    def _check(self) -> None:
        self._lock.check()
        if self._file.closed:
            raise GalleryError(f'a change of {self.path} was interrupted: '
                               'open the gallery again')

    def _cut(self) -> None:
        """Take a part of a record off again, or never append after it."""
        try:
            self._file.truncate(self._end)
        except OSError:
            self._file.close()
            return
        # Where this fails, the next record that is confirmed makes up for it.
        with suppress(OSError):
            os.fsync(self._file.fileno())

    def _set_aside(self, size: int) -> None:
        num = size - self._end
        torn = next(path for path in (
            self.path.with_name(f'torn-{self._end}-{n}.bin') for n in count())
            if not path.exists())
        with open(self.path, 'rb') as source:
            source.seek(self._end)
            replace_file(
                torn, lambda stream: shutil.copyfileobj(source, stream))
        self._file.truncate(self._end)
        os.fsync(self._file.fileno())
        print_log(
            f'{self.path} ended within a record, as after a crash: its last '
            f'{num} bytes were moved to {torn.name}. The change they belong '
            'to was never confirmed; all before it are there', 'current',
            logging.WARNING)


def _sync_folder(folder: Path) -> None:
    """Make a new name of a file outlast a loss of power."""
    if os.name == 'nt':  # no handles of folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
