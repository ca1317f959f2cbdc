"""Heads: face, hair and hats for any heading."""

from math import cos, sin

from .canvas import Canvas, shade
from .identity import Person
from .pose import Projection

CENTRE = (0.0, 0.924, 0.012)
RX, RY = 0.056, 0.074


def draw_back_hair(canvas: Canvas, person: Person, project: Projection):
    """Hair that falls behind the neck and over the back."""
    x, y, _ = project((0.0, 0.924, -0.03))
    h = project.height
    wide = RX * h
    colour = shade(person.hair_colour, 0.85)
    if person.hair == 'long':
        canvas.poly([(x - wide * 1.12, y + 0.02), (x - wide * 1.25, y - 0.09),
                     (x - wide * 1.0, y - 0.175 * h), (x, y - 0.19 * h),
                     (x + wide * 1.0, y - 0.175 * h),
                     (x + wide * 1.25, y - 0.09),
                     (x + wide * 1.12, y + 0.02)], colour)
    elif person.hair == 'ponytail':
        top = project((0.0, 0.945, -0.07))
        end = project((0.0, 0.80, -0.085))
        canvas.limb([top[:2], end[:2]], [0.022, 0.012], colour)
    elif person.hair == 'bun':
        bx, by, _ = project((0.0, 0.975, -0.06))
        canvas.ellipse(bx, by, 0.028, 0.028, colour)


def draw_neck(canvas: Canvas, person: Person, project: Projection):
    """Neck, in the shade of the head."""
    low, high = project((0, 0.82, 0.0)), project((0, 0.89, 0.005))
    radius = 0.03 * (0.7 + 0.3 * person.girth)
    canvas.limb([low[:2], high[:2]], [radius * 1.1, radius],
                shade(person.skin, 0.82))


def draw_head(canvas: Canvas, person: Person, project: Projection,
              face: bool, light: float):
    """Head with hair, face (blurred away if not ``face``) and hat."""
    x, y, _ = project(CENTRE)
    h = project.height
    rx, ry = RX * h, RY * h
    if abs(project.sin) > 0.5:
        rx *= 1.08
    front, side = project.cos, project.sin
    if person.hair == 'afro':
        canvas.ellipse(x - side * 0.01, y + ry * 0.25, rx * 1.6, ry * 1.15,
                       person.hair_colour)
    canvas.ellipse(x, y, rx, ry, shade(person.skin, 0.85))
    canvas.ellipse(x + light * rx * 0.12, y, rx * 0.86, ry * 0.96,
                   person.skin)
    if face:
        _face(canvas, person, x, y, rx, ry, front, side)
    if person.hair != 'bald':
        _hair(canvas, person, x, y, rx, ry, front, side)
    elif front < 0.3:
        canvas.ellipse(x - side * rx * 0.3, y, rx * 0.2, ry * 0.2,
                       shade(person.skin, 0.8))
    if person.hat != 'none':
        HATS[person.hat](canvas, person, x, y, rx, ry, front, side)


def _face(canvas, person, x, y, rx, ry, front, side):
    if front < -0.35:
        return
    cx = x + side * rx * 0.72
    dark = (30, 26, 26)
    gap = rx * 0.42 * max(front, 0.0) + rx * 0.05
    eyes = [cx - gap, cx + gap] if front > 0.35 else [cx]
    for ex in eyes:
        canvas.ellipse(ex, y + ry * 0.08, rx * 0.13, ry * 0.075, dark)
        canvas.poly([(ex - rx * 0.2, y + ry * 0.24),
                     (ex + rx * 0.2, y + ry * 0.24),
                     (ex + rx * 0.2, y + ry * 0.18),
                     (ex - rx * 0.2, y + ry * 0.18)],
                    shade(person.hair_colour, 0.8))
    if person.glasses:
        canvas.poly([(cx - gap - rx * 0.25, y + ry * 0.16),
                     (cx + gap + rx * 0.25, y + ry * 0.16),
                     (cx + gap + rx * 0.25, y - ry * 0.02),
                     (cx - gap - rx * 0.25, y - ry * 0.02)], dark)
    nose = cx + side * rx * 0.3
    canvas.poly([(nose - rx * 0.05, y + ry * 0.05),
                 (nose + rx * 0.14, y - ry * 0.2),
                 (nose - rx * 0.14, y - ry * 0.2)],
                shade(person.skin, 0.8))
    if person.beard:
        canvas.poly([(cx - rx * 0.7, y - ry * 0.25),
                     (cx - rx * 0.5, y - ry * 0.75),
                     (cx, y - ry * 1.02), (cx + rx * 0.5, y - ry * 0.75),
                     (cx + rx * 0.7, y - ry * 0.25),
                     (cx, y - ry * 0.35)], person.hair_colour)
    mouth = (80, 80, 160)
    canvas.poly([(cx - rx * 0.22, y - ry * 0.45),
                 (cx + rx * 0.22, y - ry * 0.45),
                 (cx + rx * 0.16, y - ry * 0.53),
                 (cx - rx * 0.16, y - ry * 0.53)], mouth)


def _hair(canvas, person, x, y, rx, ry, front, side):
    """A cap of hair whose lower edge is low behind and high on the face."""
    colour = person.hair_colour
    grow = 1.06 if person.hair == 'buzz' else 1.14
    low = {'bob': -0.75, 'long': -0.95, 'side': -0.2}.get(person.hair, -0.4)
    fringe = 0.62 if person.hair in ('buzz', 'ponytail', 'bun') else 0.42
    top, bottom = [], []
    for i in range(13):  # from the left rim of the head to the right
        u = -1 + i / 6
        # angle of the head's surface here against the heading
        facing = front * (1 - u * u)**0.5 + side * u
        edge = low + (fringe - low) * min(max((facing + 0.15) / 0.5, 0), 1)
        if person.hair == 'side':
            edge -= 0.15 * u
        rim = (1 - u * u)**0.5
        bottom.append((x + u * rx * grow, y + ry * max(edge, -rim)))
        top.append((x + u * rx * grow, y + ry * grow * max(rim, edge)))
    canvas.poly(top + bottom[::-1], colour)
    canvas.poly([(px, py) for px, py in top[3:8]] +
                [(px, py - ry * 0.16) for px, py in top[3:8]][::-1],
                shade(colour, 1.3))
    if person.hair in ('bob', 'long') and front > -0.2:
        drop = -1.2 if person.hair == 'bob' else -1.9
        for rim in (-1, 1):
            if rim * side > 0.6:  # the face looks this way
                continue
            canvas.poly([(x + rim * rx * 0.72, y + ry * 0.4),
                         (x + rim * rx * 1.15, y + ry * 0.4),
                         (x + rim * rx * 1.25, y + ry * drop),
                         (x + rim * rx * 0.85, y + ry * drop)], colour)


def _crown(canvas, colour, x, y, rx, ry, low, grow=1.2):
    points = [(x + rx * grow * sin(a * 0.26), y + ry * grow * cos(a * 0.26))
              for a in range(-6, 7)]
    points = [(px, max(py, y + ry * low)) for px, py in points]
    canvas.poly(points, colour)


def _cap(canvas, person, x, y, rx, ry, front, side):
    _crown(canvas, person.hat_colour, x, y, rx, ry, 0.38)
    if front > -0.3:
        cx = x + side * rx * 1.0
        wide = rx * (0.95 - 0.2 * abs(side))
        canvas.poly([(cx - wide, y + ry * 0.42), (cx + wide, y + ry * 0.42),
                     (cx + wide * 0.8, y + ry * 0.22),
                     (cx - wide * 0.8, y + ry * 0.22)],
                    shade(person.hat_colour, 0.7))


def _beanie(canvas, person, x, y, rx, ry, front, side):
    _crown(canvas, person.hat_colour, x, y, rx, ry, 0.3, 1.25)
    canvas.poly([(x - rx * 1.2, y + ry * 0.52), (x + rx * 1.2, y + ry * 0.52),
                 (x + rx * 1.15, y + ry * 0.25),
                 (x - rx * 1.15, y + ry * 0.25)],
                shade(person.hat_colour, 0.78))
    canvas.ellipse(x, y + ry * 1.3, rx * 0.25, rx * 0.25, person.hat_colour)


def _sunhat(canvas, person, x, y, rx, ry, front, side):
    canvas.ellipse(x, y + ry * 0.5, rx * 2.0, ry * 0.28,
                   shade(person.hat_colour, 0.85))
    _crown(canvas, person.hat_colour, x, y, rx, ry, 0.5, 1.2)


def _worn_hood(canvas, person, x, y, rx, ry, front, side):
    """A hood over the head; leaves the face open."""
    colour = shade(person.upper_colour, 0.9)
    left = [(x - rx * 1.3, y - ry * 1.0), (x - rx * 1.3, y + ry * 0.3)]
    dome = [(x + rx * 1.3 * sin(a * 0.39), y + ry * (
        0.2 + 1.05 * cos(a * 0.39))) for a in range(-3, 4)]
    right = [(x + rx * 1.3, y + ry * 0.3), (x + rx * 1.3, y - ry * 1.0)]
    if front < 0.2 and abs(side) < 0.8:
        canvas.poly(left + dome + right, colour)
        return
    cx = x + side * rx * 0.6
    wide = rx * (0.8 if front > 0.5 else 0.5)
    inner = [(cx + wide, y - ry * 1.0), (cx + wide, y + ry * 0.35),
             (cx + wide * 0.6, y + ry * 0.7), (cx - wide * 0.6, y + ry * 0.7),
             (cx - wide, y + ry * 0.35), (cx - wide, y - ry * 1.0)]
    canvas.poly(left + dome + right + inner, colour)


HATS = dict(cap=_cap, beanie=_beanie, sunhat=_sunhat, hood=_worn_hood)
