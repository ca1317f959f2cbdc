"""One pass over the images: what can not be read, and what is unusual.

Of each image 161 bytes are kept, none of its pixels.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple, Union

import cv2
import numpy as np

from mmreidmix.datasets.image_bytes import (
    ImageReadError,
    num_bytes,
    read_bytes,
)
from mmreidmix.datasets.transforms.loading import decode_image, find_damage

from .finding import MOST_EXAMPLES, Example, Finding
from .parts import Part

logger = logging.getLogger(__name__)

#: What became of an image.
GOOD, BLANK, EMPTY, TRUNCATED, UNREADABLE = range(5)
_DAMAGES = ((EMPTY, 'empty_files', 'error'),
            (TRUNCATED, 'truncated_images', 'error'),
            (UNREADABLE, 'unreadable_images', 'error'),
            (BLANK, 'blank_images', 'warning'))
#: Width and height that an image is made small to.
SMALL = (8, 16)
# Grey levels; the least of 20,000 real crops is 17.
_BLANK_SPREAD = 3
# A size or a ratio of height and width is unusual when it is this many times
# more or less than the median.
_SIZE, _ASPECT = 4, 2.5
# Images handed to the threads at once, and seconds between two lines.
_BLOCK, _INTERVAL = 4096, 10
TRAIN, TEST = 1, 2


class Look(NamedTuple):
    """What is kept of an image.

    Attributes:
        state (int): :data:`GOOD` or another.
        digest (bytes): 16 bytes, a hash of the file.
        size (tuple[int, int]): height and width, 0 if not known.
        small (np.ndarray | int): (128,) uint8, grey levels of the image at 16
            x 8 pixels; 0 if there is none.
    """

    state: int
    digest: bytes = b''
    size: tuple[int, int] = (0, 0)
    small: Union[np.ndarray, int] = 0


def look_at(address: str) -> Look:
    """Read, hash, decode and shrink an image."""
    try:
        data = read_bytes(address)
    except ImageReadError:
        return Look(UNREADABLE)
    if not data:
        return Look(EMPTY)
    digest = blake2b(data, digest_size=16).digest()
    if find_damage(data):
        return Look(TRUNCATED, digest)
    try:
        image = decode_image(data, address)
    except ImageReadError:
        return Look(UNREADABLE, digest)
    small = cv2.resize(image, SMALL, interpolation=cv2.INTER_AREA)
    spread = small.reshape(-1, 3).std(axis=0).max()
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).ravel()
    return Look(BLANK if spread < _BLANK_SPREAD else GOOD, digest,
                image.shape[:2], grey)


@dataclass
class ImageTable:
    """All different images of some parts, as columns.

    Attributes:
        parts (Sequence[Part]): the parts.
        part (np.ndarray): (N,) position of the first part that has an image.
        index (np.ndarray): (N,) its position in that part.
        sides (np.ndarray): (N,) :data:`TRAIN`, :data:`TEST` or both.
        pids, camids (np.ndarray): (N,) labels; distractors have -1.
        domains (np.ndarray): (N,) number of the domain.
        state, digest, size, small: of :class:`Look`, N of each.
    """

    parts: Sequence[Part]
    part: np.ndarray
    index: np.ndarray
    sides: np.ndarray
    pids: np.ndarray
    camids: np.ndarray
    domains: np.ndarray
    names: list[str]
    state: np.ndarray
    digest: np.ndarray
    size: np.ndarray
    small: np.ndarray

    @staticmethod
    def of(parts: Sequence[Part]) -> ImageTable:
        """The table before a look at the images."""
        sizes = [len(part.dataset) for part in parts]
        # 64 bits: two of a million addresses share a hash once in 10^7 runs
        keys = np.fromiter(
            (hash(part.dataset.image_path(i)) for part in parts
             for i in range(len(part.dataset))), np.int64, sum(sizes))
        _, first, place = np.unique(
            keys, return_index=True, return_inverse=True)
        sides = np.zeros(len(first), np.uint8)
        np.bitwise_or.at(sides, place, np.repeat(
            [TEST if part.role == 'test' else TRAIN for part in parts],
            sizes).astype(np.uint8))
        order = np.argsort(first)
        first, num = first[order], len(first)
        names = list(dict.fromkeys(part.dataset.name for part in parts))
        owner = np.repeat(np.arange(len(parts)), sizes)[first]
        return ImageTable(
            parts, owner,
            np.concatenate([np.arange(size) for size in sizes])[first],
            sides[order],
            np.concatenate([_pids(part) for part in parts])[first],
            np.concatenate([p.dataset.records.camids for p in parts])[first],
            np.array([names.index(p.dataset.name) for p in parts])[owner],
            names, np.zeros(num, np.uint8), np.zeros(num, 'S16'),
            np.zeros((num, 2), np.int32),
            np.zeros((num, SMALL[0] * SMALL[1]), np.uint8))

    def __len__(self) -> int:
        return len(self.part)

    def address(self, row: int) -> str:
        """Where an image is."""
        return self.parts[self.part[row]].dataset.image_path(
            int(self.index[row]))

    def fill(self) -> None:
        """Look at all images, with a line of progress now and then."""
        start = last = time.monotonic()
        with ThreadPoolExecutor() as pool:
            for block in _blocks(len(self)):
                looks = pool.map(look_at, map(self.address, block))
                for row, look in zip(block, looks):
                    (self.state[row], self.digest[row], self.size[row],
                     self.small[row]) = look
                now = time.monotonic()
                if now - last > _INTERVAL:
                    last, done = now, block.stop
                    logger.info('images: %d of %d, %.0f per second', done,
                                len(self), done / (now - start))

    def fill_sizes(self) -> None:
        """Look for files that are not there or empty; none is read."""
        def state(row: int) -> int:
            try:
                return GOOD if num_bytes(self.address(row)) else EMPTY
            except OSError:
                return UNREADABLE
        with ThreadPoolExecutor() as pool:
            for block in _blocks(len(self)):
                self.state[block.start:block.stop] = list(
                    pool.map(state, block))


def _blocks(num: int) -> Iterator[range]:
    for first in range(0, num, _BLOCK):
        yield range(first, min(first + _BLOCK, num))


def _pids(part: Part) -> np.ndarray:
    pids = part.dataset.records.pids
    strangers = np.isin(pids, list(part.dataset.distractor_pids))
    return np.where(strangers, -1, pids)


def check_damage(table: ImageTable) -> list[Finding]:
    """Images that can not be used."""
    return [_finding(table, name, level, position, table.state == state)
            for position in range(len(table.parts))
            for state, name, level in _DAMAGES
            if ((table.state == state) & (table.part == position)).any()]


def check_shapes(table: ImageTable) -> list[Finding]:
    """Images of unusual size or aspect, within each part."""
    findings = []
    for position in range(len(table.parts)):
        rows = np.flatnonzero(
            (table.part == position) & (table.state == GOOD))
        if not len(rows):
            continue
        size = table.size[rows].astype(float)
        aspect = size[:, 0] / size[:, 1]
        odd = {
            'unusual_size': _far(size, _SIZE).any(axis=1),
            'unusual_aspect': _far(aspect, _ASPECT)}
        for name, found in odd.items():
            if found.any():
                mask = np.zeros(len(table), bool)
                mask[rows[found]] = True
                findings.append(
                    _finding(table, name, 'warning', position, mask))
    return findings


def _far(values: np.ndarray, factor: float) -> np.ndarray:
    ratio = values / np.median(values, axis=0)
    return (ratio > factor) | (ratio < 1 / factor)


def _finding(table: ImageTable, name: str, level: str, position: int,
             found: np.ndarray) -> Finding:
    own = table.part == position
    rows = np.flatnonzero(found & own)
    return Finding(
        name, level, table.parts[position].where, len(rows), int(own.sum()),
        [Example((table.address(row), ), _remark(table, name, row))
         for row in rows[:MOST_EXAMPLES]])


def _remark(table: ImageTable, name: str, row: int) -> str:
    if name.startswith('unusual'):
        height, width = table.size[row]
        return f'{width} x {height} pixels'
    if name != 'unreadable_images':
        return ''
    address = table.address(row)
    return reason(address).replace(address, '').strip(': ')


def reason(address: str) -> str:
    """Why an image can not be read; '' if it can."""
    try:
        decode_image(read_bytes(address), address)
    except ImageReadError as error:
        return str(error)
    return ''


