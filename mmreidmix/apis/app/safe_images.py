"""Images of a folder, and none from outside it."""

import os
from pathlib import Path
from typing import Union

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from mmreidmix.apis.images import as_bgr
from mmreidmix.datasets.transforms import ImageReadError

_FORMATS = ('JPEG', 'PNG', 'BMP', 'WEBP', 'TIFF')


def inside(root: Union[str, Path], name: str) -> Path:
    """The file of a name below a folder, links followed.

    The name, for instance of a gallery, is a '/'-separated path.

    Raises:
        ValueError: it leaves the folder, by '..', as an absolute path or by a
            link.
    """
    root = os.path.realpath(root)
    path = os.path.realpath(os.path.join(root, name))
    if os.path.commonpath([root, path]) != root:
        raise ValueError(f'the image {name!r} is not inside {root}')
    return Path(path)


def thumbnail(path: Union[str, Path], height: int = 256) -> np.ndarray:
    """Read an image: RGB uint8 (H, W, 3), made smaller if it is large.

    It is at most ``height`` high, and four times as wide.

    Raises:
        ImageReadError: it is missing, damaged or too large.
    """
    check_format(path)
    image = as_bgr(path)
    scale = min(height / image.shape[0], 4 * height / image.shape[1])
    if scale < 1:
        size = [max(1, round(n * scale)) for n in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image[..., ::-1])


def check_format(path: Union[str, Path]) -> None:
    """Look at the header of an image, so that few decoders see uploads.

    Raises:
        ImageReadError: it is no image, of another format, or far too large.
    """
    try:
        Image.open(path, formats=_FORMATS).close()
    except UnidentifiedImageError as error:
        raise ImageReadError(
            f'{path}: not an image that can be read; it must be '
            f'{", ".join(_FORMATS)}') from error
    except (Image.DecompressionBombError, OSError) as error:
        raise ImageReadError(f'{path}: {error}') from error
