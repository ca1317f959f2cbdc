"""Boxes of the MOTChallenge text format, selected and linked to tracks."""

from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
from scipy.optimize import linear_sum_assignment

from mmreidmix.checks import (
    check_above,
    check_between,
    check_count,
    name_some,
)
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

    def select(self, which: np.ndarray) -> 'Boxes':
        """Boxes under a boolean mask."""
        return Boxes(*(column[which] for column in self))


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
    table = np.array(sorted(rows, key=itemgetter(0)))
    ones = np.ones(len(table))
    found = Boxes(
        table[:, 0].astype(np.int64), table[:, 1].astype(np.int64),
        table[:, 2:6], table[:, 6] if width > 6 else ones,
        table[:, 8] if width == 9 else ones)
    if width != 9:
        return found, 0
    valid = (table[:, 6] != 0) & (table[:, 7] == _PEDESTRIAN)
    if not valid.any():
        classes = np.unique(table[:, 7]).astype(int).tolist()
        raise ValueError(
            f'{path}: with 9 columns, the 7th is a flag (0: ignore the box) '
            f'and the 8th a class ({_PEDESTRIAN}: pedestrian); all '
            f'{len(table):,} boxes are to be ignored or of another class '
            f'(found: {name_some(classes)}). Boxes of a detector have 7 or '
            '10 columns')
    return found.select(valid), int((~valid).sum())


def link_boxes(boxes: Boxes, min_iou: float, max_gap: int = 1) -> np.ndarray:
    """Link boxes of neighbouring frames to tracks by their overlap.

    Frame after frame, boxes are assigned to the last boxes of the tracks so
    that the sum of overlaps is largest; pairs below ``min_iou`` stay apart.
    A box without a track begins one.

    Args:
        boxes (Boxes): N boxes.
        min_iou (float): least overlap (intersection over union), above 0.
        max_gap (int): a track ends after this many frames without a box.

    Returns:
        np.ndarray: (N,) int64, tracks 1, 2, ... in the order of their
        beginning.
    """
    check_above('link_boxes', 0, min_iou=min_iou)
    check_between('link_boxes', 0, 1, min_iou=min_iou)
    check_count('link_boxes', 1, max_gap=max_gap)
    tracks = np.zeros(len(boxes.frames), np.int64)
    last = np.empty(0, np.int64)  # newest box of each track that still runs
    num_tracks = 0
    for frame in np.unique(boxes.frames):
        here = np.flatnonzero(boxes.frames == frame)
        last = last[boxes.frames[last] >= frame - max_gap]
        overlap = iou(boxes.boxes[last], boxes.boxes[here])
        overlap[overlap < min_iou] = 0
        pairs = linear_sum_assignment(overlap, maximize=True)
        for old, new in zip(*pairs):
            if overlap[old, new]:
                tracks[here[new]] = tracks[last[old]]
        new = here[tracks[here] == 0]
        tracks[new] = num_tracks + 1 + np.arange(len(new))
        num_tracks += len(new)
        ended = ~np.isin(tracks[last], tracks[here])
        last = np.concatenate([last[ended], here])
    return tracks


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes x, y, width, height.

    (A, 4) and (B, 4) give (A, B); 0 where both boxes are empty.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None],
                      (second[:, :2] + second[:, 2:])[None])
    common = np.clip(high - low, 0, None).prod(2)
    union = (first[:, 2:].prod(1)[:, None] + second[:, 2:].prod(1)[None]
             - common)
    return common / np.where(union > 0, union, 1)


def clip_box(box: np.ndarray, height: int,
             width: int) -> Optional[tuple[int, int, int, int]]:
    """The part of a box inside an image.

    Args:
        box (np.ndarray): x, y, width, height; the first pixel is 1.
        height (int): of the image.
        width (int): of the image.

    Returns:
        tuple: first and last-plus-one column, first and last-plus-one row;
        None if less than half of the box is inside.
    """
    x, y, wide, high = box
    left, top = max(round(x - 1), 0), max(round(y - 1), 0)
    right = min(round(x - 1 + wide), width)
    bottom = min(round(y - 1 + high), height)
    inside = max(right - left, 0) * max(bottom - top, 0)
    if not inside or inside < wide * high / 2:
        return None
    return left, right, top, bottom
