"""A drawing surface in body units: filled shapes with sub-pixel corners."""

from math import cos, hypot, pi, sin

import cv2
import numpy as np

_CIRCLE = [(cos(2 * pi * i / 12), sin(2 * pi * i / 12)) for i in range(12)]


def shade(colour, factor: float):
    """Colour made darker (factor < 1) or brighter (> 1)."""
    return tuple(min(c * factor, 255) for c in colour)


def blend(first, second, weight: float):
    """``first`` moved towards ``second`` by ``weight``."""
    return tuple(a + (b - a) * weight for a, b in zip(first, second))


class Canvas:
    """BGRA picture; x to the right and y up, in body units.

    Args:
        height (int): Rows.
        width (int): Columns.
    """

    def __init__(self, height: int, width: int):
        self.pixels = np.zeros((height, width, 4), np.uint8)
        self.place(width / 2, height, height)

    def place(self, x: float, y: float, scale: float):
        """Put the origin at pixel (x, y); ``scale`` pixels per unit."""
        self.x, self.y, self.scale = 16 * x, 16 * y, 16 * scale

    def poly(self, points, colour, alpha: int = 255):
        """Fill a polygon of (x, y) corners, replacing what was there."""
        s, x0, y0 = self.scale, self.x, self.y
        corners = np.array(
            [(int(x0 + s * x), int(y0 - s * y)) for x, y in points], np.int32)
        cv2.fillPoly(self.pixels, [corners], (*colour, alpha), cv2.LINE_8, 4)

    def ellipse(self, x, y, rx, ry, colour, alpha: int = 255):
        """Fill an upright ellipse."""
        self.poly([(x + rx * c, y + ry * s) for c, s in _CIRCLE], colour,
                  alpha)

    def limb(self, points, radii, colour):
        """Fill a chain of tapered segments with round joints."""
        for (a, b), (ra, rb) in zip(
                zip(points, points[1:]), zip(radii, radii[1:])):
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

    def round_limb(self, points, radii, colour, light: float):
        """A limb with a dark rim on the side away from the light."""
        self.limb(points, radii, shade(colour, 0.72))
        inner = [r * 0.76 for r in radii]
        moved = [(x + light * r * 0.2, y + r * 0.06)
                 for (x, y, *_), r in zip(points, radii)]
        self.limb(moved, inner, colour)
