"""Bytes of one image: a file of its own, or a piece of a shard."""

import errno
import os
import re
from pathlib import Path
from typing import Union

#: Why a file can not be opened that others in its place could.
_OF_THE_FILE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES,
               errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL)

_PIECE = re.compile(
    r'(?P<shard>.+\.tar)@(?P<offset>\d+)\+(?P<size>\d+)/(?P<path>.+)',
    re.DOTALL)
_URL = re.compile(r'[a-z][a-z0-9+.-]+://')


class ImageReadError(OSError):
    """An image file that cannot be read, is damaged or is cut short."""


def piece_address(shard: str, offset: int, size: int, path: str) -> str:
    """Address of an image inside a shard, to be read by :func:`read_bytes`.

    Args:
        shard (str): path or URL of the tar file.
        offset (int): where the bytes of the image begin in it.
        size (int): how many there are.
        path (str): name of the image, for messages.
    """
    return f'{shard}@{offset}+{size}/{path}'


def read_bytes(address: Union[str, Path]) -> bytes:
    """Read one image, not decoded.

    Args:
        address (str | Path): a file, an address of :func:`piece_address`, or
            the URL of either, which fsspec opens.

    Raises:
        ImageReadError: it can not be opened, or the shard ends before it.
        OSError: the computer is short of file handles, or a disk fails,
            which says nothing about the file.
    """
    address = str(address)
    piece = _PIECE.fullmatch(address)
    if piece is None:
        return _read(address, 0, None, address)
    size = int(piece['size'])
    data = _read(piece['shard'], int(piece['offset']), size, address)
    if len(data) < size:
        raise ImageReadError(f'{address}: the shard is cut short; pack the '
                             'domain again')
    return data


def num_bytes(address: Union[str, Path]) -> int:
    """Size of one image in bytes, see :func:`read_bytes`."""
    piece = _PIECE.fullmatch(str(address))
    if piece:
        return int(piece['size'])
    if is_url(address):
        import fsspec
        file_system, path = fsspec.core.url_to_fs(str(address))
        return int(file_system.size(path))
    return os.stat(address).st_size


def is_url(address: Union[str, Path]) -> bool:
    """Tell whether fsspec, not the file system, reads this."""
    return bool(_URL.match(str(address)))


def _read(file: str, offset: int, size: Union[int, None],
          address: str) -> bytes:
    try:
        if is_url(file):
            import fsspec
            file_system, path = fsspec.core.url_to_fs(file)
            end = None if size is None else offset + size
            return file_system.cat_file(path, start=offset, end=end)
        with open(file, 'rb') as opened:
            opened.seek(offset)
            return opened.read(-1 if size is None else size)
    except OSError as error:
        if error.errno not in _OF_THE_FILE and not isinstance(
                error, FileNotFoundError):
            raise
        reason = error.strerror or 'there is no such object'
        raise ImageReadError(
            f'{address}: cannot be opened ({reason})') from error
