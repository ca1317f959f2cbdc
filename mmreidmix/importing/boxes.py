"""Boxes of people in the frames of a recording; the MOTChallenge format."""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from mmreidmix.checks import name_some
from mmreidmix.files import read_text

_PEDESTRIAN = 1


class Boxes(NamedTuple):
    """N boxes, sorted by frame.

    Attributes:
        frames (np.ndarray): (N,) int64, from 1.
        tracks (np.ndarray): (N,) int64, -1 = unknown.
        boxes (np.ndarray): (N, 4) float64, x, y, width, height in pixels;
            the first pixel is 1.
        scores (np.ndarray): (N,) float64, confidence of a detector.
        visible (np.ndarray): (N,) float64, visible part, 1 where not given.
    """

    frames: np.ndarray
    tracks: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    visible: np.ndarray

    def select(self, which: Union[np.ndarray, slice]) -> 'Boxes':
        """Boxes under a boolean mask, or a slice of them."""
        return Boxes(*(column[which] for column in self))

    @property
    def corners(self) -> np.ndarray:
        """(N, 4) left, top, right, bottom; the first pixel begins at 0."""
        begin = self.boxes[:, :2] - 1
        return np.hstack([begin, begin + self.boxes[:, 2:]])

    @property
    def probabilities(self) -> bool:
        """Whether the scores can be: all are between 0 and 1."""
        return bool(((self.scores >= 0) & (self.scores <= 1)).all())


def make_boxes(rows: Sequence[Sequence[float]]) -> Boxes:
    """Boxes of rows (frame, track, x, y, width, height, score, visible)."""
    table = np.array(sorted(rows, key=itemgetter(0)), float).reshape(-1, 8)
    return Boxes(
        table[:, 0].astype(np.int64), table[:, 1].astype(np.int64),
        table[:, 2:6], table[:, 6], table[:, 7])


def read_boxes(path: Union[str, Path]) -> tuple[Boxes, int]:
    """Read a ``gt.txt`` or ``det.txt``.

    Lines are ``frame, track, x, y, width, height, score, ...``. With 9
    columns they are annotations of MOT16 and later, whose columns 7 to 9 are
    a flag (0 = ignore), a class (1 = pedestrian) and the visible part; boxes
    to ignore and other classes are dropped.

    Returns:
        tuple: the boxes, and the number of those dropped.

    Raises:
        ValueError: the file has no box of a person, or a line is not of this
            form.
    """
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = [float(cell) for cell in line.split(',')]
        except ValueError:
            row = []
        # 1.0 is what some trackers write; 1.5 would join two people.
        if not 6 <= len(row) <= 10 or not np.isfinite(row).all() or (
                row[0] < 1) or row[0] % 1 or row[1] % 1:
            raise ValueError(
                f'{path}, line {number}: expected 6 to 10 numbers, frame '
                '(from 1) and track (both whole), x, y, width, height, '
                f'score, ...; got {line.strip()!r}')
        rows.append(row)
    if not rows:
        raise ValueError(f'{path}: no box in it')
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ValueError(f'{path}: lines of {sorted(widths)} columns; '
                         'expected one number of columns')
    width = widths.pop()
    if width != 9:
        return make_boxes([(*row[:6], row[6] if width > 6 else 1, 1)
                           for row in rows]), 0
    valid = [row for row in rows if row[6] != 0 and row[7] == _PEDESTRIAN]
    if not valid:
        classes = sorted({int(row[7]) for row in rows})
        raise ValueError(
            f'{path}: with 9 columns, the 7th is a flag (0: ignore the box) '
            f'and the 8th a class ({_PEDESTRIAN}: pedestrian); all '
            f'{len(rows):,} boxes are to be ignored or of another class '
            f'(found: {name_some(classes)}). Boxes of a detector have 7 or '
            '10 columns')
    # The flag is no score.
    return make_boxes([(*row[:6], 1, row[8]) for row in valid]), (
        len(rows) - len(valid))


def clip_box(box: np.ndarray, height: int,
             width: int) -> tuple[int, int, int, int]:
    """The part of a box inside an image.

    Args:
        box (np.ndarray): x, y, width, height; the first pixel is 1.
        height (int): of the image.
        width (int): of the image.

    Returns:
        tuple: first and last-plus-one column, first and last-plus-one row;
        no columns or rows where the box is outside.
    """
    x, y, wide, high = box
    corners = np.array([[x, y, x + wide, y + high]]) - 1
    left, top, right, bottom = clip_corners(corners, height, width)[0].tolist()
    return left, right, top, bottom


def clip_corners(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """The parts of boxes inside an image, in whole pixels.

    Args:
        corners (np.ndarray): (N, 4) left, top, right, bottom; the first pixel
            begins at 0. Numbers, none of them NaN.
        height (int): of the image.
        width (int): of the image.

    Returns:
        np.ndarray: (N, 4) int64, first column and row, last column and row
        plus one; none of them where the box is outside.
    """
    limits = (width, height, width, height)
    parts = np.clip(np.rint(corners), 0, limits).astype(np.int64)
    parts[:, 2:] = np.maximum(parts[:, 2:], parts[:, :2])
    return parts
