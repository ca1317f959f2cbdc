"""Activation maps as pictures: heat laid over images."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from .image_grid import BACKDROP, Sheet
from .pictures import RGBImage


def overlay(image: RGBImage, heat: np.ndarray,
            opacity: float = 0.5) -> RGBImage:
    """Lay a map over an image: blue is its lowest value, red its highest.

    Args:
        image (np.ndarray): RGB, uint8, shape (H, W, 3), as the result.
        heat (np.ndarray): any range, shape (h, w); enlarged bilinearly. A map
            of one value is blue all over.
        opacity (float): of the colours, in [0, 1].
    """
    heat = heat.astype(np.float64)
    heat = (heat - heat.min()) / (np.ptp(heat) or 1)
    heat = cv2.resize(heat, image.shape[1::-1])
    colours = cv2.applyColorMap(
        np.uint8(np.round(255 * heat)), cv2.COLORMAP_JET)[..., ::-1]
    mixed = (1 - opacity) * image + opacity * colours
    return np.uint8(np.round(mixed))


def draw_activation_maps(images: Sequence[RGBImage],
                         maps: Mapping[str, np.ndarray],
                         *,
                         notes: Sequence[str] = (),
                         title: str = '',
                         per_row: int = 4,
                         size: tuple[int, int] = (80, 160)) -> RGBImage:
    """Draw each image beside its maps.

    Under a map stand its lowest value, which is blue, and its highest, which
    is red. So colours compare the places of one map, not two maps.

    Args:
        images (Sequence[np.ndarray]): RGB, uint8, shape (H, W, 3) each.
        maps (Mapping[str, np.ndarray]): by the name that stands above, shape
            (B, h, w).
        notes (Sequence[str]): a line under each image; none by default.
        title (str): a line above everything.
        per_row (int): images of a row, with their maps.
        size (tuple[int, int]): width and height of an image, pixels.

    Raises:
        ValueError: there is no image, or not a map for each.
    """
    counts = {name: len(values) for name, values in maps.items()}
    if not len(images) or set(counts.values()) != {len(images)}:
        raise ValueError('expected at least one image and a map of each, got '
                         f'{len(images)} images and maps of {counts}')
    per_row = min(per_row, len(images))
    group = 1 + len(maps)
    columns = per_row * group
    sheet = Sheet(-(-len(images) // per_row), columns, size, title, lines=1,
                  gaps=range(group, columns, group))
    for column in range(columns):
        sheet.name_column(column, ['image', *maps][column % group])
    for i, image in enumerate(images):
        row, column = i // per_row, i % per_row * group
        sheet.paste(row, column, image, BACKDROP, [notes[i]] if notes else [])
        for k, values in enumerate(maps.values(), start=1):
            heat = values[i]
            sheet.paste(row, column + k, overlay(image, heat), BACKDROP,
                        [f'{heat.min():.2g} to {heat.max():.2g}'])
    return sheet.pixels
