"""Heads: face, hair and hats for any heading."""

from collections.abc import Sequence
from math import cos, sin
from typing import NamedTuple

from .canvas import Canvas, Colour, shade
from .identity import Person
from .pose import Projection

RX, RY = 0.056, 0.074


class Head(NamedTuple):
    """A head in the picture; shapes are given in its half axes."""

    canvas: Canvas
    x: float  # centre
    y: float
    rx: float  # half axes
    ry: float
    front: float  # 1 looks at the camera, -1 away from it
    side: float  # 1 looks to the right of the image, -1 to the left

    def moved(self, dx: float) -> 'Head':
        """The same head further to the right."""
        return self._replace(x=self.x + dx)

    def ahead(self, amount: float) -> 'Head':
        """The same head moved to where it looks."""
        return self.moved(self.side * self.rx * amount)

    def points(self, corners: Sequence) -> list:
        """Canvas points of (u, v) in half axes."""
        return [(self.x + self.rx * u, self.y + self.ry * v)
                for u, v in corners]

    def poly(self, corners: Sequence, colour: Colour) -> None:
        """Fill a polygon."""
        self.canvas.poly(self.points(corners), colour)

    def trapezoid(self, upper: float, top: float, lower: float, bottom: float,
                  colour: Colour) -> None:
        """Fill a trapezoid around the centre line; half widths, heights."""
        self.poly([(-upper, top), (upper, top), (lower, bottom),
                   (-lower, bottom)], colour)

    def ellipse(self, u: float, v: float, ru: float, rv: float,
                colour: Colour) -> None:
        """Fill an upright ellipse."""
        self.canvas.ellipse(self.x + self.rx * u, self.y + self.ry * v,
                            self.rx * ru, self.ry * rv, colour)


def draw_back_hair(canvas: Canvas, person: Person,
                   project: Projection) -> None:
    """Draw hair that falls behind the neck and over the back."""
    colour = shade(person.hair_colour, 0.85)
    if person.hair == 'long':
        x, y, _ = project((0.0, 0.924, -0.03))
        h = project.height
        wide = RX * h
        rim = [(1.12, 0.02), (1.25, -0.09), (1.0, -0.175 * h)]
        outline = [(-u, v) for u, v in rim] + [(0, -0.19 * h)] + rim[::-1]
        canvas.poly([(x + wide * u, y + v) for u, v in outline], colour)
    elif person.hair == 'ponytail':
        canvas.limb([project((0.0, 0.945, -0.07)),
                     project((0.0, 0.80, -0.085))], [0.022, 0.012], colour)
    elif person.hair == 'bun':
        x, y, _ = project((0.0, 0.975, -0.06))
        canvas.ellipse(x, y, 0.028, 0.028, colour)


def draw_head(canvas: Canvas, person: Person, project: Projection,
              face: bool, light: float) -> None:
    """Draw a head with hair, hat and, if ``face``, a face."""
    x, y, _ = project((0.0, 0.924, 0.012))
    rx, ry = RX * project.height, RY * project.height
    if abs(project.sin) > 0.5:
        rx *= 1.08
    head = Head(canvas, x, y, rx, ry, project.cos, project.sin)
    if person.hair == 'afro':
        head.moved(-head.side * 0.01).ellipse(0, 0.25, 1.6, 1.15,
                                              person.hair_colour)
    head.ellipse(0, 0, 1, 1, shade(person.skin, 0.85))
    head.moved(light * rx * 0.12).ellipse(0, 0, 0.86, 0.96, person.skin)
    if face and head.front >= -0.35:
        _face(head, person)
    if person.hair != 'bald':
        _hair(head, person)
    elif head.front < 0.3:
        head.ahead(-0.3).ellipse(0, 0, 0.2, 0.2, shade(person.skin, 0.8))
    if person.hat != 'none':
        HATS[person.hat](head, person)


def _face(head, person):
    face, dark = head.ahead(0.72), (30, 26, 26)
    x, y, rx, ry = face[1:5]
    gap = rx * 0.42 * max(head.front, 0.0) + rx * 0.05
    for dx in (-gap, gap) if head.front > 0.35 else (0, ):
        eye = face.moved(dx)
        eye.ellipse(0, 0.08, 0.13, 0.075, dark)
        eye.trapezoid(0.2, 0.24, 0.2, 0.18, shade(person.hair_colour, 0.8))
    if person.glasses:
        head.canvas.rect(x - gap - rx * 0.25, y + ry * 0.16,
                         x + gap + rx * 0.25, y - ry * 0.02, dark)
    face.ahead(0.3).poly([(-0.05, 0.05), (0.14, -0.2), (-0.14, -0.2)],
                         shade(person.skin, 0.8))
    if person.beard:
        face.poly([(-0.7, -0.25), (-0.5, -0.75), (0, -1.02), (0.5, -0.75),
                   (0.7, -0.25), (0, -0.35)], person.hair_colour)
    face.trapezoid(0.22, -0.45, 0.16, -0.53, (80, 80, 160))


def _hair(head, person):
    """A cap of hair whose lower edge is low behind and high on the face."""
    x, y, rx, ry, front, side = head[1:]
    colour = person.hair_colour
    grow = 1.06 if person.hair == 'buzz' else 1.14
    low = {'bob': -0.75, 'long': -0.95, 'side': -0.2}.get(person.hair, -0.4)
    fringe = 0.62 if person.hair in ('buzz', 'ponytail', 'bun') else 0.42
    top, bottom = [], []
    for i in range(13):  # from the left rim of the head to the right
        u = -1 + i / 6
        rim = (1 - u * u)**0.5
        # angle of the head's surface here against the heading
        facing = front * rim + side * u
        edge = low + (fringe - low) * min(max((facing + 0.15) / 0.5, 0), 1)
        if person.hair == 'side':
            edge -= 0.15 * u
        bottom.append((x + u * rx * grow, y + ry * max(edge, -rim)))
        top.append((x + u * rx * grow, y + ry * grow * max(rim, edge)))
    head.canvas.poly(top + bottom[::-1], colour)
    shine = top[3:8]
    head.canvas.poly(
        shine + [(px, py - ry * 0.16) for px, py in shine[::-1]],
        shade(colour, 1.3))
    if person.hair in ('bob', 'long') and front > -0.2:
        drop = -1.2 if person.hair == 'bob' else -1.9
        for rim in (-1, 1):
            if rim * side <= 0.6:  # else the face looks this way
                head.poly([(rim * 0.72, 0.4), (rim * 1.15, 0.4),
                           (rim * 1.25, drop), (rim * 0.85, drop)], colour)


def _crown(head, colour, low, grow=1.2):
    x, y, rx, ry = head[1:5]
    head.canvas.poly(
        [(x + rx * grow * sin(a * 0.26),
          max(y + ry * grow * cos(a * 0.26), y + ry * low))
         for a in range(-6, 7)], colour)


def _cap(head, person):
    _crown(head, person.hat_colour, 0.38)
    if head.front > -0.3:
        peak = head.ahead(1.0)._replace(
            rx=head.rx * (0.95 - 0.2 * abs(head.side)))
        peak.trapezoid(1, 0.42, 0.8, 0.22, shade(person.hat_colour, 0.7))


def _beanie(head, person):
    _crown(head, person.hat_colour, 0.3, 1.25)
    head.trapezoid(1.2, 0.52, 1.15, 0.25, shade(person.hat_colour, 0.78))
    head.canvas.ellipse(head.x, head.y + head.ry * 1.3, head.rx * 0.25,
                        head.rx * 0.25, person.hat_colour)


def _sunhat(head, person):
    head.ellipse(0, 0.5, 2.0, 0.28, shade(person.hat_colour, 0.85))
    _crown(head, person.hat_colour, 0.5)


def _worn_hood(head, person):
    """A hood over the head; leaves the face open."""
    outline = head._replace(rx=head.rx * 1.3).points(
        [(-1, -1), (-1, 0.3),
         *((sin(a * 0.39), 0.2 + 1.05 * cos(a * 0.39))
           for a in range(-3, 4)),
         (1, 0.3), (1, -1)])
    if head.front >= 0.2 or abs(head.side) >= 0.8:
        wide = head.rx * (0.8 if head.front > 0.5 else 0.5)
        outline += head.ahead(0.6)._replace(rx=wide).points(
            [(1, -1), (1, 0.35), (0.6, 0.7), (-0.6, 0.7), (-1, 0.35),
             (-1, -1)])
    head.canvas.poly(outline, shade(person.upper_colour, 0.9))


HATS = dict(cap=_cap, beanie=_beanie, sunhat=_sunhat, hood=_worn_hood)
