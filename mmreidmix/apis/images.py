"""Pictures as they come, to what a model takes."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from mmengine.dataset import Compose
from PIL import ImageOps

from mmreidmix.datasets.transforms.loading import ImageReadError, read_image
from mmreidmix.registry import TRANSFORMS

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')
# The first reads a file and the last makes a data sample.
_LOAD, _PACK = 'LoadReIDImage', 'PackReIDInputs'


def list_images(folder) -> list[str]:
    """Pictures below a folder, as sorted '/'-separated relative paths.

    Hidden files and folders are left out.

    Raises:
        FileNotFoundError: there is no such folder, or no picture in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'no folder {folder}')
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith('.')]
        found += [
            Path(root, name).relative_to(folder).as_posix() for name in files
            if name.lower().endswith(SUFFIXES) and not name.startswith('.')
        ]
    if not found:
        raise FileNotFoundError(
            f'no picture below {folder}: expected files ending in '
            f'{", ".join(SUFFIXES)}')
    return sorted(found)


def as_bgr(image) -> np.ndarray:
    """Read or check one picture.

    Args:
        image: path of a file; array (H, W, 3) or (H, W), uint8, RGB; or an
            object that NumPy turns into one, such as a PIL image.

    Returns:
        np.ndarray: BGR, uint8, (H, W, 3).

    Raises:
        ImageReadError: a file is missing or damaged.
        ValueError: an array is of another shape or type, or empty.
    """
    if isinstance(image, (str, Path)):
        return read_image(image)
    if hasattr(image, 'convert'):  # PIL: orientation, palettes, alpha
        image = ImageOps.exif_transpose(image).convert('RGB')
    image = np.asarray(image)
    if image.ndim == 2:
        image = np.stack([image] * 3, axis=-1)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or (
            not image.size):
        raise ValueError(
            'expected a picture as a path, a PIL image or an RGB array '
            f'(H, W, 3) of uint8, got shape {image.shape} of {image.dtype}')
    return np.ascontiguousarray(image[..., ::-1])


class Preparation:
    """The transforms of a test, for one picture at a time.

    Args:
        pipeline (Sequence[dict]): of a test, from ``LoadReIDImage`` to
            ``PackReIDInputs``.

    Raises:
        ValueError: it has another begin or end.
    """

    def __init__(self, pipeline: Sequence):
        self.pipeline = [dict(transform) for transform in pipeline]
        kinds = [transform.get('type') for transform in self.pipeline]
        if len(kinds) < 2 or (kinds[0], kinds[-1]) != (_LOAD, _PACK):
            raise ValueError(f'the test pipeline must begin with {_LOAD} and '
                             f'end with {_PACK}, got {kinds}')
        self._transforms = Compose(
            [TRANSFORMS.build(t) for t in self.pipeline[1:-1]])

    def __call__(self, image) -> np.ndarray:
        """Prepare a picture, see :func:`as_bgr`: BGR uint8 (H, W, 3)."""
        image = as_bgr(image)
        shape = image.shape[:2]
        return self._transforms(
            dict(img=image, img_shape=shape, ori_shape=shape))['img']

    def resize_only(self) -> dict:
        """The one ``Resize`` between loading and packing.

        Raises:
            ValueError: there is more or something else, or its option is not
                ``scale`` or ``interpolation``.
        """
        middle = self.pipeline[1:-1]
        if len(middle) != 1 or middle[0].get('type') != 'Resize' or (
                set(middle[0]) - {'type', 'scale', 'interpolation'}):
            raise ValueError(
                'a model is exported with its preparation, which must be '
                "dict(type='Resize', scale=(W, H), interpolation=...) between "
                f'{_LOAD} and {_PACK}; the test pipeline has {middle}')
        return middle[0]


def batches(images: Sequence, size: int) -> Iterator[Sequence]:
    """Cut a sequence into parts of at most ``size``."""
    for begin in range(0, len(images), size):
        yield images[begin:begin + size]


__all__ = ['ImageReadError', 'Preparation', 'as_bgr', 'batches',
           'list_images']
