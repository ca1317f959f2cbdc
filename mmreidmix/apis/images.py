"""Images as they come, to what a model takes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np
from mmengine.dataset import Compose
from mmengine.logging import print_log
from PIL import Image, ImageOps

from mmreidmix.datasets.file_names import IMAGE_SUFFIXES, images_below
from mmreidmix.datasets.transforms.loading import read_image
from mmreidmix.registry import TRANSFORMS

#: One image: a path, a colour or grey array of uint8, or a PIL image.
ImageLike = Union[str, Path, np.ndarray, Image.Image]

# The first reads a file and the last makes a data sample.
_LOAD, _PACK = 'LoadReIDImage', 'PackReIDInputs'


def list_images(folder: Union[str, Path]) -> list[str]:
    """Images below a folder, as sorted '/'-separated relative paths.

    See :func:`images_below`. The number of files left out is logged.

    Raises:
        FileNotFoundError: there is no such folder, or no image in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'no folder {folder}')
    names, skipped = images_below(folder)
    if not names:
        raise FileNotFoundError(
            f'no image below {folder}: expected files ending in '
            f'{", ".join(IMAGE_SUFFIXES)}'
            + (f'. Left out: {skipped}' if skipped else ''))
    if skipped:
        print_log(f'{folder}: {len(names):,} images; left out: {skipped}',
                  logger='current')
    return sorted(names)


def as_bgr(image: ImageLike, channel_order: str = 'rgb') -> np.ndarray:
    """Read or check one image: BGR, uint8, (H, W, 3).

    Args:
        image: path of a file; array (H, W, 3), (H, W) or (H, W, 1), uint8; or
            an object that NumPy turns into one, such as a PIL image, of which
            16 bits become the upper 8, as of a file.
        channel_order (str): of arrays, 'rgb' or 'bgr'. PIL images say it
            themselves.

    Raises:
        ImageReadError: a file is missing or damaged.
        ValueError: an array is of another shape or type, or empty.
    """
    if isinstance(image, (str, Path)):
        return read_image(image)
    if hasattr(image, 'convert'):  # PIL: orientation, palettes, alpha
        image, channel_order = _as_rgb(ImageOps.exif_transpose(image)), 'rgb'
    image = np.asarray(image)
    if image.ndim == 2 or image.ndim == 3 and image.shape[2] == 1:
        image = np.dstack([image] * 3)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or (
            not image.size):
        raise ValueError(
            'expected an image as a path, a PIL image or a colour array '
            f'(H, W, 3) of uint8, got shape {image.shape} of {image.dtype}')
    return np.ascontiguousarray(
        image if channel_order == 'bgr' else image[..., ::-1])


def _as_rgb(image: Image.Image) -> Union[Image.Image, np.ndarray]:
    if image.mode.startswith('I;16'):
        # PIL would cut values off at 255.
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.mode in ('I', 'F'):
        raise ValueError(
            f'a PIL image of mode {image.mode!r} has no fixed white: expected '
            "8 or 16 bits; scale it to 0..255 and convert it to 'L'")
    return image.convert('RGB')


class Preparation:
    """The transforms of a test, for one image at a time.

    Args:
        pipeline (Sequence[dict]): of a test, from ``LoadReIDImage`` to
            ``PackReIDInputs``.
        channel_order (str): of arrays, see :func:`as_bgr`.

    Raises:
        ValueError: it has another begin or end.

    Attributes:
        pipeline (Sequence[dict]): as given.
    """

    def __init__(self, pipeline: Sequence[dict], channel_order: str = 'rgb'):
        kinds = [transform.get('type') for transform in pipeline]
        if len(kinds) < 2 or (kinds[0], kinds[-1]) != (_LOAD, _PACK):
            raise ValueError(f'the test pipeline must begin with {_LOAD} and '
                             f'end with {_PACK}, got {kinds}')
        self.channel_order = channel_order
        self.pipeline = pipeline
        self._middle = [dict(transform) for transform in pipeline[1:-1]]
        self._transforms = Compose([TRANSFORMS.build(t) for t in self._middle])

    def __call__(self, image: ImageLike) -> np.ndarray:
        """Prepare an image, see :func:`as_bgr`: BGR uint8 (H, W, 3)."""
        image = as_bgr(image, self.channel_order)
        shape = image.shape[:2]
        return self._transforms(
            dict(img=image, img_shape=shape, ori_shape=shape))['img']

    def resize_only(self) -> dict:
        """The one ``Resize`` between loading and packing.

        Raises:
            ValueError: there is more or something else, or its option is not
                ``scale``, ``interpolation`` or ``backend``.
        """
        kinds = [transform.get('type') for transform in self._middle]
        options = {name for transform in self._middle for name in transform}
        if kinds != ['Resize'] or (
                options - {'type', 'scale', 'interpolation', 'backend'}):
            raise ValueError(
                'a model is exported with its preparation, which must be '
                "dict(type='Resize', scale=(W, H), interpolation=..., "
                f'backend=...) between {_LOAD} and {_PACK}; the test pipeline '
                f'has {self._middle}')
        return self._middle[0]
