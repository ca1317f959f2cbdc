"""Clothes of the upper body and skirts: a hull with things painted on it."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from math import atan2, cos, pi, sin
from typing import Optional

from .canvas import Canvas, Colour, blend, shade
from .identity import Person
from .pose import Projection

# height, half width, half depth; the last rows flare by the garment
TORSO = ((0.848, 0.034, 0.036), (0.822, 0.070, 0.048), (0.795, 0.103, 0.060),
         (0.70, 0.103, 0.075), (0.61, 0.088, 0.068), (0.53, 0.095, 0.072))
# garment: hem height, added thickness, flare at the hem
CUTS = dict(
    tank=(0.49, 0.0, 0.0), tshirt=(0.485, 0.004, 0.004),
    shirt=(0.465, 0.004, 0.006), longsleeve=(0.485, 0.003, 0.002),
    hoodie=(0.475, 0.014, 0.0), jacket=(0.47, 0.014, 0.004),
    vest=(0.48, 0.014, 0.002), suit=(0.45, 0.008, 0.008),
    coat=(0.34, 0.016, 0.022), dress=(0.50, 0.002, 0.004))
SLEEVES = dict(tank='none', vest='inner', tshirt='short', dress='short')
# hem height, flare at the hem
SKIRTS = dict(skirt=(0.33, 0.035), longskirt=(0.13, 0.05),
              dress=(0.30, 0.045))


def both_sides(angle: float, half: float, *rest) -> list[tuple]:
    """Patches ``half`` wide around an angle and its mirror image."""
    return [(side * angle - half, side * angle + half, *rest)
            for side in (-1, 1)]


def _shirt_front() -> Iterator[tuple]:
    """The narrowing opening of a suit."""
    for i in range(4):
        half, top = 0.48 - 0.12 * i, 0.835 - 0.04 * i
        yield -half - 0.1, half + 0.1, top, top - 0.04, 0.7
        yield -half, half, top, top - 0.04, (232, 234, 236)


# What is painted over the cloth: two angles (None: all around), upper and
# lower height (None: hem), and a colour: of the person, of the cloth times a
# factor, or blue, green and red.
CREW_NECK = ((-0.9, 0.9, 0.845, 0.822, 'skin'),
             (None, None, 0.832, 0.822, 0.8))
OPENINGS = dict(
    tank=(*both_sides(pi / 2, 0.45, 0.85, 0.745, 'skin'),
          (-0.7, 0.7, 0.845, 0.785, 'skin'),
          (pi - 0.6, pi + 0.6, 0.845, 0.81, 'skin')),
    shirt=((-0.5, 0.5, 0.845, 0.81, 'skin'), (0.25, 1.0, 0.845, 0.815, 1.2),
           (-1.0, -0.25, 0.845, 0.815, 1.2), (-0.05, 0.05, 0.81, None, 0.75)),
    hoodie=((-0.6, 0.6, 0.845, 0.82, 'skin'), (-0.6, 0.6, 0.60, 0.51, 0.78),
            *both_sides(0.35, 0.05, 0.815, 0.745, (225, 228, 230))),
    suit=(*_shirt_front(), (-0.1, 0.1, 0.82, 0.68, 'second_colour'),
          (-0.03, 0.03, 0.675, None, 0.7)),
    jacket=(), vest=(),
    coat=((None, None, 0.60, 0.58, 0.65),
          *both_sides(0.8, 0.15, 0.53, 0.515, 0.65)))


def _jacket_front(person: Person) -> Iterator[tuple]:
    """Open over something lighter, or zipped to the chin."""
    if person.pattern_scale > 1.0:
        half = 0.28 + 0.12 * person.pattern_scale
        yield -half, half, 0.835, None, 'inner_colour'
        yield half, half + 0.1, 0.835, None, 0.65
        yield -half - 0.1, -half, 0.835, None, 0.65
        yield -0.5, 0.5, 0.845, 0.815, 'skin'
    else:
        yield -0.06, 0.06, 0.84, None, 0.65
    yield None, None, 0.85, 0.825, 0.65


class Hull:
    """An upright tube with elliptic rings, seen from one direction.

    Args:
        canvas (Canvas): what it is drawn on.
        rings (list): (height, half width, half depth), top first.
        project (Projection): the view.
        x (float): axis of the tube, to the person's left.
        z (float): axis of the tube, forward.
    """

    def __init__(self, canvas: Canvas, rings, project: Projection,
                 x: float = 0.0, z: float = 0.0):
        self.canvas, self.project, self.x, self.z = canvas, project, x, z
        self.rings = rings[::-1]
        self.heights = [r[0] for r in self.rings]
        _, a, b = rings[len(rings) // 2]
        centre = atan2(-a * project.sin, b * project.cos)
        self.left, self.right = centre - pi / 2, centre + pi / 2

    def points(self, angles: Sequence, y: float) -> list:
        """Image points of the surface at a height; angle 0 is the front."""
        i = min(max(bisect_left(self.heights, y), 1), len(self.rings) - 1)
        (y0, a0, b0), (y1, a1, b1) = self.rings[i - 1], self.rings[i]
        t = min(max((y - y0) / (y1 - y0), 0.0), 1.0)
        a, b = a0 + (a1 - a0) * t, b0 + (b1 - b0) * t
        return [self.project((a * sin(angle) + self.x, y,
                              b * cos(angle) + self.z))[:2]
                for angle in angles]

    def span(self, start: float,
             end: float) -> Optional[tuple[float, float]]:
        """The visible part of an angle interval, or None."""
        for turn in (0.0, 2 * pi, -2 * pi):
            lo = max(start + turn, self.left)
            hi = min(end + turn, self.right)
            if hi - lo > 0.02:
                return lo, hi
        return None

    def fill(self, colour: Colour) -> None:
        """Paint all that is seen of the tube."""
        ends = [self.points((self.left, self.right), y)
                for y in self.heights]
        self.canvas.poly(
            [e[0] for e in ends] + [e[1] for e in ends[::-1]], colour)

    def patch(self, start: float, end: float, top: float, bottom: float,
              colour: Colour) -> None:
        """Paint the angles ``start`` to ``end`` between two heights."""
        span = self.span(start, end)
        if span is None:
            return
        lo, hi = span
        steps = 2 if hi - lo < 0.6 else 4
        angles = [lo + (hi - lo) * i / steps for i in range(steps + 1)]
        self.canvas.poly(self.points(angles, top) +
                         self.points(angles[::-1], bottom), colour)

    def band(self, top: float, bottom: float, colour: Colour) -> None:
        """Paint all around between two heights."""
        self.patch(self.left, self.right, top, bottom, colour)


def torso_hull(canvas: Canvas, person: Person, project: Projection) -> Hull:
    """The body under, and with, the upper garment."""
    hem, thick, flare = CUTS[person.upper]
    rings = []
    for y, a, b in TORSO:
        wide = person.shoulders if y > 0.65 else person.hips
        girth = 0.55 + 0.45 * person.girth if y > 0.75 else person.girth
        rings.append((y, a * wide * girth + thick, b * person.girth + thick))
    _, a, b = rings[-1]
    rings.append((hem, a + flare, b + flare))
    return Hull(canvas, rings, project)


def draw_torso(person: Person, hull: Hull) -> None:
    """Draw the upper garment with its pattern, opening and collar."""
    base = person.upper_colour
    hem = CUTS[person.upper][0]
    hull.fill(base)
    _pattern(person, hull, hem)
    if person.upper == 'vest':  # padded
        for y in _downwards(0.79, hem, 0.05):
            hull.band(y, y - 0.008, shade(base, 0.72))
    opening = OPENINGS.get(person.upper, CREW_NECK)
    if person.upper in ('jacket', 'coat', 'vest'):
        opening = (*_jacket_front(person), *opening)
    for start, end, top, bottom, colour in opening:
        if isinstance(colour, str):
            colour = getattr(person, colour)
        elif isinstance(colour, float):
            colour = shade(base, colour)
        hull.patch(hull.left if start is None else start,
                   hull.right if end is None else end, top,
                   hem if bottom is None else bottom, colour)
    if hem < 0.48 and person.upper != 'coat':
        hull.band(hem + 0.012, hem, shade(base, 0.7))


def _downwards(y, low, step):
    """Heights from ``y`` to above ``low``."""
    while y > low:
        yield y
        y -= step


def _pattern(person, hull, hem):
    second, kind = person.second_colour, person.pattern
    scale = person.pattern_scale
    if kind in ('stripes', 'checks', 'zigzag'):
        step = 0.045 * scale
        for y in _downwards(0.80, hem + step * 0.4, step):
            hull.band(y, y - step * 0.45, second)
    if kind in ('vstripes', 'checks'):
        colour = second if kind == 'vstripes' else blend(
            second, person.upper_colour, 0.35)
        count = int(14 / scale)
        for i in range(count):
            angle = 2 * pi * i / count
            hull.patch(angle, angle + 0.9 * pi / count, 0.815, hem, colour)
    if kind == 'zigzag':
        hull.band(0.70, 0.64, person.upper_colour)
    if kind == 'block':
        hull.band(0.72 if scale > 1.1 else 0.62, hem, second)
    if kind == 'dots':
        for row, y in enumerate(_downwards(0.79, hem, 0.05 * scale)):
            for i in range(10):
                angle = 2 * pi * (i + 0.5 * (row % 2)) / 10
                # on the side that faces the camera
                if cos(angle - (hull.left + hull.right) / 2) > 0.05:
                    centre, = hull.points((angle, ), y)
                    hull.canvas.ellipse(*centre, 0.011 * scale, 0.011 * scale,
                                        second)
    if kind == 'logo':
        hull.patch(0.25, 0.75, 0.745, 0.705, second)
    if kind == 'print':
        half = 0.45 + 0.25 * scale
        for middle in (0.0, pi):
            hull.patch(middle - half, middle + half, 0.755, 0.60, second)
            hull.patch(middle - half * 0.5, middle + half * 0.5, 0.72, 0.65,
                       person.inner_colour)


def draw_skirt(canvas: Canvas, person: Person, project: Projection,
               spread: float) -> None:
    """Draw a skirt or that of a dress; the hem is ``spread`` deep or more."""
    hem, flare = SKIRTS[person.skirt]
    dress = person.skirt == 'dress'
    colour = person.upper_colour if dress else person.lower_colour
    a, b = 0.096 * person.hips * person.girth, 0.072 * person.girth
    rings = [(0.56, a * 0.92, b * 0.92), (0.49, a, b),
             ((0.49 + hem) / 2, a + flare * 0.6, b + flare * 0.6),
             (hem, a + flare, max(b + flare, spread))]
    hull = Hull(canvas, rings, project)
    hull.fill(colour)
    for i in range(7):  # folds
        angle = 2 * pi * i / 7
        hull.patch(angle, angle + 0.12, 0.47, hem, shade(colour, 0.8))
    if dress and person.pattern in ('stripes', 'dots', 'block'):
        hull.band(hem + 0.05, hem + 0.02, person.second_colour)
