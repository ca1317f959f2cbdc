"""Pictures of a folder, and none from outside it."""

import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from mmreidmix.apis.images import ImageReadError, as_bgr

#: Largest picture that is decoded, in pixels.
MOST_PIXELS = 40_000_000
_FORMATS = ('JPEG', 'PNG', 'BMP', 'WEBP', 'TIFF')


def inside(root, name: str) -> Path:
    """The file of a name below a folder, links followed.

    Args:
        root (str | Path): the folder.
        name (str): '/'-separated path below it, for instance of a gallery.

    Raises:
        ValueError: it leaves the folder, by '..', as an absolute path or by a
            link.
    """
    root = os.path.realpath(root)
    path = os.path.realpath(os.path.join(root, name))
    if os.path.commonpath([root, path]) != root:
        raise ValueError(f'the picture {name!r} is not inside {root}')
    return Path(path)


def thumbnail(path: Path, height: int = 256) -> np.ndarray:
    """Read a picture, made smaller if it is large: RGB uint8 (H, W, 3).

    Args:
        path (Path): it.
        height (int): at most so high, and four times as wide.

    Raises:
        ImageReadError: it is missing, damaged or too large.
    """
    check_size(path)
    image = as_bgr(path)
    scale = min(height / image.shape[0], 4 * height / image.shape[1])
    if scale < 1:
        size = [max(1, round(n * scale)) for n in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image[..., ::-1])


def check_size(path: Path) -> None:
    """Look at the header of a picture, so that no huge one is decoded.

    Raises:
        ImageReadError: it is no picture, or has more than
            :data:`MOST_PIXELS` pixels.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise ImageReadError(f'{path}: {error}') from error
    except UnidentifiedImageError as error:
        raise ImageReadError(
            f'{path}: not a picture that can be read; it must be '
            f'{", ".join(_FORMATS)}') from error
    except OSError as error:
        raise ImageReadError(f'{path}: {error}') from error
    if width * height > MOST_PIXELS:
        raise ImageReadError(
            f'{path}: the picture has {width} x {height} pixels, more than '
            f'{MOST_PIXELS:,}')
