"""A drawing surface in body units: filled shapes with sub-pixel corners."""

from collections.abc import Sequence
from math import cos, hypot, pi, sin

import cv2
import numpy as np

Colour = tuple[float, ...]  # blue, green, red, as OpenCV stores them

_CIRCLE = [(cos(2 * pi * i / 12), sin(2 * pi * i / 12)) for i in range(12)]


def shade(colour: Colour, factor: float) -> Colour:
    """Colour made darker (factor < 1) or brighter (> 1)."""
    return tuple(min(c * factor, 255) for c in colour)


def blend(first: Colour, second: Colour, weight: float) -> Colour:
    """``first`` moved towards ``second`` by ``weight``; also for points."""
    return tuple(a + (b - a) * weight for a, b in zip(first, second))


class Canvas:
    """BGRA picture; x to the right and y up, in body units.

    Args:
        height (int): rows.
        width (int): columns.
    """

    def __init__(self, height: int, width: int):
        self.pixels = np.zeros((height, width, 4), np.uint8)
        self.place(width / 2, height, height)

    def place(self, x: float, y: float, scale: float) -> None:
        """Put the origin at pixel (x, y); ``scale`` pixels per unit."""
        self.x, self.y, self.scale = 16 * x, 16 * y, 16 * scale

    def poly(self, points: Sequence, colour: Colour, alpha: int = 255) -> None:
        """Fill a polygon of (x, y) corners, replacing what was there."""
        s, x0, y0 = self.scale, self.x, self.y
        corners = np.array(
            [(int(x0 + s * x), int(y0 - s * y)) for x, y in points], np.int32)
        cv2.fillPoly(self.pixels, [corners], (*colour, alpha), cv2.LINE_8, 4)

    def rect(self, x0: float, y0: float, x1: float, y1: float,
             colour: Colour) -> None:
        """Fill an upright rectangle between two opposite corners."""
        self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour,
                alpha: int = 255) -> None:
        """Fill an upright ellipse."""
        self.poly([(x + rx * c, y + ry * s) for c, s in _CIRCLE], colour,
                  alpha)

    def limb(self, points: Sequence, radii: Sequence, colour: Colour) -> None:
        """Fill a chain of tapered segments with round joints.

        More coordinates than x and y are ignored.
        """
        for a, b, ra, rb in zip(points, points[1:], radii, radii[1:]):
            dx, dy = b[0] - a[0], b[1] - a[1]
            length = hypot(dx, dy) or 1.0
            nx, ny = -dy / length, dx / length
            self.poly([(a[0] + nx * ra, a[1] + ny * ra),
                       (b[0] + nx * rb, b[1] + ny * rb),
                       (b[0] - nx * rb, b[1] - ny * rb),
                       (a[0] - nx * ra, a[1] - ny * ra)], colour)
        s, x0, y0 = self.scale, self.x, self.y
        for (x, y, *_), r in zip(points, radii):
            cv2.circle(self.pixels, (int(x0 + s * x), int(y0 - s * y)),
                       max(int(s * r), 1), (*colour, 255), -1, cv2.LINE_8, 4)

    def round_limb(self, points: Sequence, radii: Sequence, colour: Colour,
                   light: float) -> None:
        """Fill a limb with a dark rim on the side away from the light."""
        self.limb(points, radii, shade(colour, 0.72))
        moved = [(x + light * r * 0.2, y + r * 0.06)
                 for (x, y, *_), r in zip(points, radii)]
        self.limb(moved, [r * 0.76 for r in radii], colour)
