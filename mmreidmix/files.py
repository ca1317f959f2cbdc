"""Files written in one step, archives of arrays read with checks."""

import codecs
import io
import os
import secrets
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Optional, Union

import numpy as np

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def replace_file(path: Union[str, Path], write: Callable) -> None:
    """Write a file beside its place, then put it there in one step.

    A reader gets the old file or the new one; an interrupted call leaves the
    old one and nothing else. Missing folders are made; the user's umask says
    who may read it.

    Args:
        path (str | Path): the file.
        write (Callable): writes the content to a binary stream.

    Raises:
        OSError: there is no such place, or no space left.
    """
    path = Path(path)
    # Files of tempfile can be read by their owner alone, whatever the umask.
    temporary = path.with_name(f'{path.stem}-{secrets.token_hex(6)}.part')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _Watched(temporary, 'xb')
    except OSError as error:
        raise _no_place(path, error) from error
    try:
        with io.BufferedWriter(file) as stream:
            write(stream)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        if file.fault is not None:
            raise _no_place(path, file.fault) from file.fault
        raise


class _Watched(io.FileIO):
    """Keeps the fault of a write, of which torch makes another error."""

    fault: Optional[OSError] = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.fault = error
            raise


def _no_place(path: Path, error: OSError) -> OSError:
    return OSError(f'{path} can not be written: {error.strerror}')


def check_place(path: Union[str, Path]) -> None:
    """Raise OSError where a file can not be written, before long work.

    Missing folders are not made; the innermost one that exists is tried.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f'{path} is a folder; name a file')
    folder = next(p for p in path.absolute().parents if p.exists())
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _no_place(path, error) from error


def read_text(path: Union[str, Path]) -> str:
    """Read a text file of others: UTF-8, or UTF-16 that says so.

    Editors and spreadsheets of Windows put a byte-order mark in front, which
    is not part of the text.

    Raises:
        ValueError: the file is of another encoding.
    """
    data = Path(path).read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode('utf-16' if wide else 'utf-8-sig')
    except UnicodeDecodeError as error:
        line = data[:error.start].count(b'\n') + 1
        raise ValueError(
            f'{path}, line {line}: the text is not UTF-8 (byte '
            f'{data[error.start]:#04x}). Save it as UTF-8, or convert it: '
            'iconv -f CP1252 -t UTF-8') from None
    if '\0' in text:
        raise ValueError(f'{path}: no text, or UTF-16 without a byte-order '
                         'mark. Save it as UTF-8')
    return text


class FileHeldError(OSError):
    """Another process holds a lock; ``owner`` is its number, if known."""

    def __init__(self, owner: str):
        super().__init__(f'held by process {owner}')
        self.owner = owner


class FileLock:
    """A lock that one process holds, until :meth:`release` or its end.

    The file stays; it holds the number of the process. Where the system has
    no such locks (Windows), all processes get it.

    Args:
        path (str | Path): the file.

    Raises:
        FileHeldError: another process holds it.
    """

    def __init__(self, path: Union[str, Path]):
        self.pid = os.getpid()
        self._file = open(path, 'a+b', buffering=0)  # noqa: SIM115
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            owner = self._file.read(32).decode() or 'unknown'
            self._file.close()
            raise FileHeldError(owner) from None
        self._file.truncate(0)
        self._file.write(str(self.pid).encode())

    def release(self) -> None:
        """Let others have it."""
        if fcntl is not None and not self._file.closed and (
                os.getpid() == self.pid):
            # Closing does not do it while a forked process has a copy.
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._file.close()


def read_arrays(file: Union[str, Path],
                names: Optional[Sequence[str]] = None) -> dict:
    """Read arrays of an ``.npz``, no pickled objects.

    Args:
        file (str | Path): the archive.
        names (Sequence[str], optional): those to read; default: all.

    Returns:
        dict[str, np.ndarray]: by name; names that are not there are left out.

    Raises:
        ValueError: the file is broken or no such archive.
    """
    with open(file, 'rb') as stream:
        try:
            # Anything else than an archive would be read as an array or a
            # pickle.
            zipfile.ZipFile(stream).close()
            stream.seek(0)
            with np.load(stream) as arrays:
                return {name: arrays[name] for name in arrays.files
                        if names is None or name in names}
        except MemoryError:
            raise
        except Exception as error:  # zipfile fails in many ways
            raise ValueError(f'{file} is broken or no .npz of arrays: '
                             f'{error}') from error
