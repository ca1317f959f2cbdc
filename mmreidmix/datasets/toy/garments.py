"""Clothes of the upper body and skirts: a hull with things painted on it."""

from bisect import bisect_left
from math import atan2, cos, pi, sin

from .canvas import Canvas, blend, shade
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
SKIRTS = dict(skirt=(0.33, 0.035), longskirt=(0.13, 0.05),
              dress=(0.30, 0.045))


class Hull:
    """An upright tube with elliptic rings, seen from one direction.

    Args:
        rings (list): (height, half width, half depth), top first.
        project (Projection): The view.
    """

    def __init__(self, rings, project: Projection):
        self.rings = rings[::-1]
        self.heights = [r[0] for r in self.rings]
        self.project = project
        _, a, b = rings[len(rings) // 2]
        centre = atan2(-a * project.sin, b * project.cos)
        self.left, self.right = centre - pi / 2, centre + pi / 2

    def ring(self, y: float):
        """Half width and half depth at a height."""
        i = min(max(bisect_left(self.heights, y), 1), len(self.rings) - 1)
        (y0, a0, b0), (y1, a1, b1) = self.rings[i - 1], self.rings[i]
        t = min(max((y - y0) / (y1 - y0), 0.0), 1.0)
        return a0 + (a1 - a0) * t, b0 + (b1 - b0) * t

    def points(self, angles, y: float):
        """Image points of the surface at a height; angle 0 is the front."""
        a, b = self.ring(y)
        project = self.project
        return [project((a * sin(t), y, b * cos(t)))[:2] for t in angles]

    def visible(self, angle: float) -> bool:
        """Whether the surface at an angle faces the camera."""
        middle = (self.left + self.right) / 2
        return cos(angle - middle) > 0.05

    def span(self, start: float, end: float):
        """The visible part of an angle interval, or None."""
        for turn in (0.0, 2 * pi, -2 * pi):
            lo = max(start + turn, self.left)
            hi = min(end + turn, self.right)
            if hi - lo > 0.02:
                return lo, hi
        return None

    def outline(self):
        """Silhouette, up the left and down the right side."""
        ends = [self.points((self.left, self.right), y)
                for y in self.heights]
        return [e[0] for e in ends] + [e[1] for e in ends[::-1]]

    def patch(self, canvas: Canvas, start, end, top, bottom, colour):
        """Paint the angles ``start`` to ``end`` between two heights."""
        span = self.span(start, end)
        if span is None:
            return
        lo, hi = span
        steps = 2 if hi - lo < 0.6 else 4
        angles = [lo + (hi - lo) * i / steps for i in range(steps + 1)]
        points = self.points(angles, top)
        points += self.points(angles[::-1], bottom)
        canvas.poly(points, colour)

    def band(self, canvas: Canvas, top, bottom, colour):
        """Paint all around between two heights."""
        self.patch(canvas, self.left, self.right, top, bottom, colour)


def torso_hull(person: Person, project: Projection) -> Hull:
    """The body under, and with, the upper garment."""
    hem, thick, flare = CUTS[person.upper]
    broad = (0.55 + 0.45 * person.girth)
    rings = []
    for y, a, b in TORSO:
        wide = person.shoulders if y > 0.65 else person.hips
        girth = broad if y > 0.75 else person.girth
        rings.append((y, a * wide * girth + thick, b * person.girth + thick))
    _, a, b = rings[-1]
    rings.append((hem, a + flare, b + flare))
    return Hull(rings, project)


def draw_torso(canvas: Canvas, person: Person, hull: Hull):
    """Upper garment with its pattern, opening and collar."""
    base = person.upper_colour
    hem = CUTS[person.upper][0]
    canvas.poly(hull.outline(), base)
    _pattern(canvas, person, hull, hem)
    OPENINGS.get(person.upper, _crew_neck)(canvas, person, hull, hem)
    if hem < 0.48 and person.upper != 'coat':
        hull.band(canvas, hem + 0.012, hem, shade(base, 0.7))


def _pattern(canvas, person, hull, hem):
    second, kind = person.second_colour, person.pattern
    step = 0.045 * person.pattern_scale
    if kind in ('stripes', 'checks', 'zigzag'):
        y = 0.80
        while y > hem + step * 0.4:
            hull.band(canvas, y, y - step * 0.45, second)
            y -= step
    if kind in ('vstripes', 'checks'):
        colour = second if kind == 'vstripes' else blend(
            second, person.upper_colour, 0.35)
        count = int(14 / person.pattern_scale)
        for i in range(count):
            angle = 2 * pi * i / count
            hull.patch(canvas, angle, angle + 0.9 * pi / count, 0.815, hem,
                       colour)
    if kind == 'zigzag':
        hull.band(canvas, 0.70, 0.64, person.upper_colour)
    if kind == 'block':
        cut = 0.72 if person.pattern_scale > 1.1 else 0.62
        hull.band(canvas, cut, hem, second)
    if kind == 'dots':
        _dots(canvas, person, hull, hem)
    if kind == 'logo':
        hull.patch(canvas, 0.25, 0.75, 0.745, 0.705, second)
    if kind == 'print':
        half = 0.45 + 0.25 * person.pattern_scale
        for front in (0.0, pi):
            hull.patch(canvas, front - half, front + half, 0.755, 0.60,
                       second)
            hull.patch(canvas, front - half * 0.5, front + half * 0.5, 0.72,
                       0.65, person.inner_colour)


def _dots(canvas, person, hull, hem):
    step = 0.05 * person.pattern_scale
    y, row = 0.79, 0
    while y > hem:
        for i in range(10):
            angle = 2 * pi * (i + 0.5 * (row % 2)) / 10
            if hull.visible(angle):
                x, up = hull.points((angle, ), y)[0]
                r = 0.011 * person.pattern_scale
                canvas.ellipse(x, up, r, r, person.second_colour)
        y, row = y - step, row + 1


def _crew_neck(canvas, person, hull, hem):
    hull.patch(canvas, -0.9, 0.9, 0.845, 0.822, person.skin)
    hull.band(canvas, 0.832, 0.822, shade(person.upper_colour, 0.8))


def _tank(canvas, person, hull, hem):
    for side in (-1, 1):
        hull.patch(canvas, side * pi / 2 - 0.45, side * pi / 2 + 0.45, 0.85,
                   0.745, person.skin)
    hull.patch(canvas, -0.7, 0.7, 0.845, 0.785, person.skin)
    hull.patch(canvas, pi - 0.6, pi + 0.6, 0.845, 0.81, person.skin)


def _buttons(canvas, person, hull, hem):
    hull.patch(canvas, -0.5, 0.5, 0.845, 0.81, person.skin)
    collar = shade(person.upper_colour, 1.2)
    hull.patch(canvas, 0.25, 1.0, 0.845, 0.815, collar)
    hull.patch(canvas, -1.0, -0.25, 0.845, 0.815, collar)
    hull.patch(canvas, -0.05, 0.05, 0.81, hem,
               shade(person.upper_colour, 0.75))


def _zipped(canvas, person, hull, hem):
    """A jacket: open over something lighter, or zipped to the chin."""
    dark = shade(person.upper_colour, 0.65)
    if person.pattern_scale > 1.0:
        half = 0.28 + 0.12 * person.pattern_scale
        hull.patch(canvas, -half, half, 0.835, hem, person.inner_colour)
        hull.patch(canvas, half, half + 0.1, 0.835, hem, dark)
        hull.patch(canvas, -half - 0.1, -half, 0.835, hem, dark)
        hull.patch(canvas, -0.5, 0.5, 0.845, 0.815, person.skin)
    else:
        hull.patch(canvas, -0.06, 0.06, 0.84, hem, dark)
    hull.band(canvas, 0.85, 0.825, dark)


def _hood(canvas, person, hull, hem):
    base = person.upper_colour
    hull.patch(canvas, -0.6, 0.6, 0.845, 0.82, person.skin)
    hull.patch(canvas, -0.6, 0.6, 0.60, 0.51, shade(base, 0.78))
    for side in (-1, 1):
        hull.patch(canvas, side * 0.35 - 0.05, side * 0.35 + 0.05, 0.815,
                   0.745, (225, 228, 230))


def _suit(canvas, person, hull, hem):
    dark = shade(person.upper_colour, 0.7)
    for i in range(4):  # a narrowing shirt front
        half = 0.48 - 0.12 * i
        top = 0.835 - 0.04 * i
        hull.patch(canvas, -half - 0.1, half + 0.1, top, top - 0.04, dark)
        hull.patch(canvas, -half, half, top, top - 0.04, (232, 234, 236))
    hull.patch(canvas, -0.1, 0.1, 0.82, 0.68, person.second_colour)
    hull.patch(canvas, -0.03, 0.03, 0.675, hem, dark)


def _coat(canvas, person, hull, hem):
    dark = shade(person.upper_colour, 0.65)
    _zipped(canvas, person, hull, hem)
    hull.band(canvas, 0.60, 0.58, dark)
    for side in (-1, 1):
        hull.patch(canvas, side * 0.8 - 0.15, side * 0.8 + 0.15, 0.53, 0.515,
                   dark)


def _padded(canvas, person, hull, hem):
    y = 0.79
    while y > hem:
        hull.band(canvas, y, y - 0.008, shade(person.upper_colour, 0.72))
        y -= 0.05
    _zipped(canvas, person, hull, hem)


OPENINGS = dict(tank=_tank, shirt=_buttons, jacket=_zipped, hoodie=_hood,
                suit=_suit, coat=_coat, vest=_padded)


def draw_skirt(canvas: Canvas, person: Person, project: Projection,
               spread: float):
    """Skirt of a dress or worn on its own; ``spread`` widens the hem."""
    kind = 'dress' if person.upper == 'dress' else person.lower
    hem, flare = SKIRTS[kind]
    colour = (person.upper_colour
              if kind == 'dress' else person.lower_colour)
    a, b = 0.096 * person.hips * person.girth, 0.072 * person.girth
    rings = [(0.56, a * 0.92, b * 0.92), (0.49, a, b),
             ((0.49 + hem) / 2, a + flare * 0.6, b + flare * 0.6),
             (hem, a + flare, max(b + flare, spread))]
    hull = Hull(rings, project)
    canvas.poly(hull.outline(), colour)
    for i in range(7):  # folds
        angle = 2 * pi * i / 7
        hull.patch(canvas, angle, angle + 0.12, 0.47, hem,
                   shade(colour, 0.8))
    if kind == 'dress' and person.pattern in ('stripes', 'dots', 'block'):
        hull.band(canvas, hem + 0.05, hem + 0.02, person.second_colour)
