"""Heads made unrecognisable in images of people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmreidmix.datasets.image_bytes import read_bytes

if TYPE_CHECKING:
    import pyarrow

# Cells across the image: about two across a face, whatever its size.
_CELLS = 6
_QUALITY = 95  # of JPEG


def blur_head(image: np.ndarray, share: float) -> np.ndarray:
    """Leave the mean colours of a coarse grid in the top of an image.

    The grid has few cells, so that no more than their colours can be won
    back, and is blurred, so that its edges are not learned from.

    Args:
        image (np.ndarray): BGR, uint8, (H, W, 3), upright.
        share (float): of the height, rounded up to whole rows.

    Returns:
        np.ndarray: a new image.
    """
    import cv2
    height, width = image.shape[:2]
    rows = min(int(np.ceil(share * height)), height)
    if not rows:
        return image
    cell = max(width / _CELLS, 1.0)
    grid = cv2.resize(
        image[:rows], (_CELLS, max(round(rows / cell), 1)),
        interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(grid, (width, rows), interpolation=cv2.INTER_LINEAR)
    image = image.copy()
    image[:rows] = cv2.GaussianBlur(smooth, (0, 0), cell / 2)
    return image


def encode(image: np.ndarray, path: str) -> bytes:
    """Bytes of an image file in the format that its name says.

    Args:
        image (np.ndarray): BGR, uint8, (H, W, 3).
        path (str): its suffix is that of an image.
    """
    import cv2
    suffix = Path(path).suffix.lower()
    # OpenCV warns of a quality where a format has none.
    options = ([cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
               if suffix in ('.jpg', '.jpeg') else [])
    return cv2.imencode(suffix, image, options)[1].tobytes()


def reader(root: Path, share: float) -> Callable[[str], bytes]:
    """What reads the bytes of an image below a folder.

    Args:
        root (Path): the folder.
        share (float): the head as a share of the height; 0: images are as
            they are, and not decoded.

    Raises:
        ImageReadError: by the reader, for a damaged image.
    """
    def read(path: str) -> bytes:
        data = read_bytes(root / path)
        if not share:
            return data
        from mmreidmix.datasets.transforms.loading import decode_image
        return encode(blur_head(decode_image(data, root / path), share), path)

    return read


def add_column(table: pyarrow.Table, share: float) -> pyarrow.Table:
    """Tell in each row which share of the height has been blurred."""
    import pyarrow
    if not share:
        return table
    return table.append_column(
        'blurred', pyarrow.array([share] * len(table), pyarrow.float64()))
