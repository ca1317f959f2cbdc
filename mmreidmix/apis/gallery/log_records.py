"""Records one after the other in a file, each with its checksums.

A record is

    4 bytes  b'MRG1'
    4 bytes  length of the header
    8 bytes  length of the payload
    4 bytes  CRC-32 of the header
    4 bytes  CRC-32 of the payload
    4 bytes  CRC-32 of the 24 bytes above
    header   a JSON object
    payload  arrays, byte after byte

with all numbers little-endian. Nothing in it is code: reading a file runs no
pickle.
"""

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Optional

import numpy as np

MARK = b'MRG1'
_PREFIX = struct.Struct('<4sIQII')
_CHECKED = struct.Struct(f'<{_PREFIX.size}sI')
_CHUNK = 1 << 20

#: Header and payload.
Record = tuple[dict, Sequence[np.ndarray]]


class GalleryError(RuntimeError):
    """A gallery cannot do what is asked; the message says what to do."""


def as_bytes(array: np.ndarray) -> np.ndarray:
    """A contiguous array as (n,) uint8, without a copy."""
    return array.reshape(-1).view(np.uint8)


def checksum(arrays: Iterable[np.ndarray]) -> int:
    """CRC-32 of contiguous arrays one after the other."""
    crc = 0
    for array in arrays:
        crc = zlib.crc32(as_bytes(array), crc)
    return crc


def write_record(write: Callable, header: dict,
                 arrays: Iterable[np.ndarray]) -> None:
    """Write a header of plain JSON values and contiguous arrays.

    ``write`` takes bytes or (n,) uint8 and writes all of them.
    """
    parts = [as_bytes(array) for array in arrays]
    text = json.dumps(header).encode()
    prefix = _PREFIX.pack(MARK, len(text), sum(part.size for part in parts),
                          zlib.crc32(text), checksum(parts))
    for part in (_CHECKED.pack(prefix, zlib.crc32(prefix)), text, *parts):
        write(part)


class RecordReader:
    """Goes through the records of a file and checks every checksum.

    A file that ends within a record was cut by a crash while that record was
    written: reading stops before it. Whatever else does not fit is damage.

    Attributes:
        end (int): where the last whole record ends.
        size (int): bytes of the file; ``size - end`` belong to a torn record.

    Args:
        path (Path): the file.
        allocate (Callable): gives contiguous arrays for a header and the
            length of its payload; they are filled from the file.
        apply (Callable): is called with the header then; raises ValueError
            if the record cannot follow those before it.
    """

    def __init__(self, path: Path, allocate: Callable, apply: Callable):
        self.path = path
        self.allocate = allocate
        self.apply = apply
        self.end = self.size = 0

    def read(self) -> None:
        """Read the file.

        Raises:
            GalleryError: it is damaged; names file and offset.
        """
        with open(self.path, 'rb', buffering=_CHUNK) as stream:
            self.size = os.fstat(stream.fileno()).st_size
            while self.end < self.size:
                try:
                    header = self._read(stream)
                    if header is None:
                        return
                    self.apply(header)
                except (ValueError, LookupError, TypeError,
                        AttributeError) as error:
                    raise self.damage(repr(error)) from error
                self.end = stream.tell()

    def damage(self, reason: str) -> GalleryError:
        """The error that says where the file is damaged, to be raised."""
        return GalleryError(
            f'{self.path} is damaged at byte {self.end}: {reason}. It was '
            'left as it is. Put a copy in its place; or copy the folder and '
            f'cut the file there (truncate -s {self.end}), which keeps all '
            'changes before the damage')

    def _read(self, stream: BinaryIO) -> Optional[dict]:
        prefix = stream.read(_CHECKED.size)
        if len(prefix) < _CHECKED.size:
            return None
        fields, crc = _CHECKED.unpack(prefix)
        mark, length, size, header_crc, payload_crc = _PREFIX.unpack(fields)
        if zlib.crc32(fields) != crc or mark != MARK:
            if not any(prefix) and _only_zeros(stream):
                return None  # space the file system gave before its content
            raise self.damage('no record begins here')
        if stream.tell() + length + size > self.size:
            return None
        text = stream.read(length)
        if zlib.crc32(text) != header_crc:
            raise self.damage('the checksum of the header is wrong')
        header = json.loads(text)
        parts = [as_bytes(array) for array in self.allocate(header, size)]
        if sum(part.size for part in parts) != size:
            raise self.damage(f'its payload has {size} bytes, not those that '
                              f'{str(header)[:80]} needs')
        for part in parts:
            if stream.readinto(part) < part.size:
                return None  # cut off by the writer since it was opened
        if checksum(parts) != payload_crc:
            raise self.damage('the checksum of the payload is wrong')
        return header


def _only_zeros(stream: BinaryIO) -> bool:
    return not any(any(part) for part in iter(
        lambda: stream.read(_CHUNK), b''))
