"""Decoding of one image file, with damage reported instead of hidden."""

from collections.abc import Iterator
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Union

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from mmreidmix.datasets.image_bytes import ImageReadError, read_bytes
from mmreidmix.registry import TRANSFORMS

_JPEG_START = b'\xff\xd8'
_JPEG_END = b'\xff\xd9'
_PNG_START = b'\x89PNG\r\n\x1a\n'
_PNG_END = b'\x00\x00\x00\x00IEND\xaeB`\x82'
_START_OF_SCAN = 0xDA
# Start-of-frame markers, behind which the size of a JPEG stands.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
#: Largest image that is decoded, in pixels: a small file may hold a huge one.
MOST_PIXELS = 40_000_000
# Larger ones are decoded one at a time, so that the memory does not grow with
# the number of threads.
_LARGE = 4_000_000
_one_large = Lock()


def read_image(path: Union[str, Path]) -> np.ndarray:
    """Read and decode an image, see :func:`decode_image`.

    Args:
        path (str | Path): whatever :func:`read_bytes` takes.

    Returns:
        np.ndarray: BGR, uint8, shape (H, W, 3).

    Raises:
        ImageReadError: as :func:`read_bytes` and :func:`decode_image` do.
        OSError, MemoryError: the computer is short of file handles or memory,
            or a disk fails, which says nothing about the file.
    """
    return decode_image(read_bytes(path), path)


def decode_image(data: bytes, path: Union[str, Path]) -> np.ndarray:
    """Decode an image; the content, not the suffix, tells the format.

    Args:
        data (bytes): content of an image file.
        path (str | Path): where they come from, for messages.

    Returns:
        np.ndarray: BGR, uint8, shape (H, W, 3).

    Raises:
        ImageReadError: empty, not an image, of more than
            :data:`MOST_PIXELS` pixels, or a JPEG or PNG whose end is missing
            (OpenCV would fill the rest with grey).
        MemoryError: the computer is short of memory.
    """
    fault = find_damage(data)
    if fault:
        raise ImageReadError(f'{path}: {fault}')
    try:
        width, height = image_size(data)
    except Image.DecompressionBombError as error:  # Pillow's own limit
        raise ImageReadError(f'{path}: {error}') from error
    if width * height > MOST_PIXELS:
        raise ImageReadError(
            f'{path}: the image has {width} x {height} pixels, more than '
            f'{MOST_PIXELS:,}: it is not decoded')
    try:
        with _one_large if width * height > _LARGE else nullcontext():
            image = cv2.imdecode(
                np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(f'{path}: {error}') from error
        raise ImageReadError(
            f'{path}: OpenCV cannot decode it ({error})') from error
    if image is None:
        # The size may be unknown for the same reason.
        _find_memory(path, width * height or MOST_PIXELS)
        raise ImageReadError(f'{path}: not an image that OpenCV can decode')
    return image


def _find_memory(path: Union[str, Path], pixels: int) -> None:
    """Raise MemoryError where an image that was not decoded has no room.

    OpenCV gives no image in either case.
    """
    try:
        np.empty(12 * pixels, np.uint8)  # the image, and room to work
    except MemoryError:
        raise MemoryError(f'{path}: no memory for an image of {pixels:,} '
                          'pixels') from None


def image_size(data: bytes) -> tuple[int, int]:
    """Width and height in the header of an image file, (0, 0) if unknown.

    Raises:
        PIL.Image.DecompressionBombError: hundreds of megapixels.
    """
    if data.startswith(_PNG_START):
        return (int.from_bytes(data[16:20], 'big'),
                int.from_bytes(data[20:24], 'big'))
    if data.startswith(_JPEG_START):
        for marker, begin, _ in _jpeg_segments(data):
            if marker in _FRAMES:
                return (int.from_bytes(data[begin + 3:begin + 5], 'big'),
                        int.from_bytes(data[begin + 1:begin + 3], 'big'))
        return 0, 0
    try:
        with Image.open(BytesIO(data)) as image:
            return image.size
    except (Image.DecompressionBombError, MemoryError):
        raise
    except Exception:  # Pillow raises anything; the decoder says what is wrong
        return 0, 0


def find_damage(data: bytes) -> str:
    """Say what is missing in the bytes of an image file, '' if nothing.

    Only the frame is looked at (empty file, no end marker), at the cost of
    a search in a few kilobytes; wrong pixels inside a whole file stay
    unnoticed.
    """
    if not data:
        return 'the file is empty'
    if data.startswith(_JPEG_START):
        cut = data[-2:] != _JPEG_END and _JPEG_END not in _jpeg_scan(data)
        return 'the JPEG is cut short (no end marker)' if cut else ''
    if data.startswith(_PNG_START):
        cut = _PNG_END not in data[-4096:] and _PNG_END not in data
        return 'the PNG is cut short (no IEND chunk)' if cut else ''
    return ''


def _jpeg_scan(data: bytes) -> bytes:
    """The part after the first start-of-scan marker.

    Inside it 0xff 0xd9 can only be the end marker, whereas the segments
    before it may hold a thumbnail with an end marker of its own.
    """
    for marker, _, end in _jpeg_segments(data):
        if marker == _START_OF_SCAN:
            return data[end:]
    return b''


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of the content of each segment of a JPEG."""
    position = len(_JPEG_START)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        end = position + 2 + int.from_bytes(
            data[position + 2:position + 4], 'big')
        yield marker, position + 4, end
        position = end


@TRANSFORMS.register_module()
class LoadReIDImage(BaseTransform):
    """Read the image named by ``img_path``.

    Required keys: ``img_path``. Added keys: ``img`` (BGR, uint8, (H, W, 3)),
    ``img_shape`` and ``ori_shape`` (both (H, W)).

    Raises:
        ImageReadError: see :func:`read_image`. Give the data set
            ``bad_images='skip'`` to leave such files out instead.
    """

    def transform(self, results: dict) -> dict:
        """Add the decoded image to ``results``."""
        image = read_image(results['img_path'])
        shape = image.shape[:2]
        results.update(img=image, img_shape=shape, ori_shape=shape)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
