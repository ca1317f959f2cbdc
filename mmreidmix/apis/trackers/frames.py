"""Frames and boxes as trackers give them, checked."""

from typing import Any

import numpy as np


def as_frame(frame: Any) -> np.ndarray:
    """One frame of a video: (H, W, 3) or (H, W), uint8, not copied.

    Raises:
        ValueError: it is of another shape or type, or has no pixel.
    """
    if isinstance(frame, np.ndarray):
        if frame.ndim == 3 and frame.shape[2] == 1:
            frame = frame[..., 0]
        if frame.dtype == np.uint8 and frame.size and (
                frame.ndim == 2 or frame.ndim == 3 and frame.shape[2] == 3):
            return frame
    got = type(frame).__name__
    if isinstance(frame, np.ndarray):
        got = f'shape {frame.shape} of {frame.dtype}'
    raise ValueError('expected a frame as an array (H, W, 3) of uint8 with '
                     'values 0 to 255, or a grey one (H, W) or (H, W, 1), '
                     f'got {got}')


def as_corners(boxes: Any) -> np.ndarray:
    """Boxes (N, 4) x1, y1, x2, y2 of any number type, as float64.

    Raises:
        ValueError: they are no numbers, or of another shape.
    """
    if hasattr(boxes, 'cpu'):  # a tensor, perhaps on a GPU
        boxes = boxes.cpu()
    try:
        corners = np.asarray(boxes, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError('expected boxes as numbers (n, 4), x1, y1, x2, y2: '
                         f'{error}') from None
    if not corners.size:
        return corners.reshape(0, 4)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise ValueError('expected boxes as numbers (n, 4), x1, y1, x2, y2, '
                         f'got shape {corners.shape}')
    return corners
