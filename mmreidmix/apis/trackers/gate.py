"""Which boxes of a frame show a person well enough to be compared."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from mmreidmix.checks import check_at_least, check_between
from mmreidmix.importing.boxes import clip_corners


@dataclass(frozen=True)
class Gate:
    """Rules for crops; by default they are off.

    Ultralytics leaves out crops of less than 64 pixels and of more than 0.45
    overlap.

    Args:
        min_height (float): least height of the part inside the frame, in
            pixels.
        max_overlap (float): most intersection over union with any other box
            of the frame. Both boxes are refused: which person is in front is
            not known.
        min_inside (float): least share of the box that is inside the frame.

    Raises:
        ValueError: a rule is out of its range.
    """

    min_height: float = 0.0
    max_overlap: float = 1.0
    min_inside: float = 0.0

    def __post_init__(self) -> None:
        check_at_least(self, 0, min_height=self.min_height)
        check_between(self, 0, 1, max_overlap=self.max_overlap,
                      min_inside=self.min_inside)

    def reasons(self, corners: np.ndarray, height: int,
                width: int) -> list[Optional[str]]:
        """Why boxes have no embedding.

        Args:
            corners (np.ndarray): (N, 4) float64, x1, y1, x2, y2.
            height (int): of the frame.
            width (int): of the frame.

        Returns:
            list: of each box a reason, or None where it has an embedding.
        """
        found = [_without_pixels(box, height, width) for box in corners]
        whole = np.array([reason is None for reason in found], bool)
        overlaps = _overlaps(np.where(whole[:, None], corners, 0))
        for i in np.flatnonzero(whole):
            found[i] = self._refuses(corners[i], overlaps[i], height, width)
        return found

    def _refuses(self, box: np.ndarray, overlaps: np.ndarray, height: int,
                 width: int) -> Optional[str]:
        left, top, right, bottom = clip_corners(box[None], height, width)[0]
        if bottom - top < self.min_height:
            return (f'small: {bottom - top} pixels high, of at least '
                    f'{self.min_height:g}')
        if overlaps.max() > self.max_overlap:
            return (f'overlapped: intersection over union {overlaps.max():.2f}'
                    f' with box {overlaps.argmax()}, of at most '
                    f'{self.max_overlap:g}')
        inside = _area(np.clip(box, 0, (width, height) * 2)) / _area(box)
        if inside < self.min_inside:
            return (f'outside: {inside:.2f} of the box is in the frame, of at '
                    f'least {self.min_inside:g}')
        return None


def _without_pixels(box: np.ndarray, height: int,
                    width: int) -> Optional[str]:
    shown = ', '.join(f'{x:g}' for x in box)
    if not np.isfinite(box).all():
        return f'not finite: {shown}'
    if box[2] <= box[0] or box[3] <= box[1]:
        return (f'empty: {shown}; corners x1, y1, x2, y2 are expected, not '
                'width and height')
    left, top, right, bottom = clip_corners(box[None], height, width)[0]
    if right == left or bottom == top:
        return f'no pixel in the frame of {width} x {height}: {shown}'
    return None


def _area(corners: np.ndarray) -> np.ndarray:
    with np.errstate(over='ignore'):
        return ((corners[..., 2] - corners[..., 0])
                * (corners[..., 3] - corners[..., 1]))


def _overlaps(corners: np.ndarray) -> np.ndarray:
    """(N, N) intersection over union of boxes, 0 with themselves."""
    first, second = corners[:, None], corners[None]
    shared = np.concatenate([
        np.maximum(first[..., :2], second[..., :2]),
        np.minimum(first[..., 2:], second[..., 2:])], axis=-1)
    shared[..., 2:] = np.maximum(shared[..., 2:], shared[..., :2])
    areas = _area(corners)
    both = _area(shared)
    with np.errstate(invalid='ignore'):  # of boxes as large as numbers are
        either = areas[:, None] + areas[None] - both
    overlaps = np.divide(both, either, out=np.zeros_like(both),
                         where=(either > 0) & np.isfinite(either))
    np.fill_diagonal(overlaps, 0)
    return overlaps
