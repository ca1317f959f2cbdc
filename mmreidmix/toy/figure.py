"""A whole person, drawn back to front."""

from functools import partial
from math import pi

from .canvas import Canvas, blend, shade
from .garments import (
    SLEEVES,
    Hull,
    both_sides,
    draw_skirt,
    draw_torso,
    torso_hull,
)
from .head import draw_back_hair, draw_head
from .identity import Person
from .pose import Pose, Projection, skeleton

# lower garment: radii at hip, knee, ankle
LEGS = dict(trousers=(0.056, 0.041, 0.033), wide=(0.06, 0.052, 0.055),
            leggings=(0.05, 0.035, 0.024), shorts=(0.058, 0.047, 0.024),
            skirt=(0.05, 0.034, 0.024))


def draw_person(canvas: Canvas, person: Person, pose: Pose, pitch: float = 0,
                light: float = 0.5, face: bool = True) -> None:
    """Draw a person with the feet at the origin of the canvas.

    Args:
        canvas (Canvas): placed so that one unit is an average body height.
        person (Person): who.
        pose (Pose): heading and limbs.
        pitch (float): downward angle of the camera, radians.
        light (float): -1 light from the left, 1 from the right.
        face (bool): False leaves the face blank.
    """
    joints = skeleton(person, pose)
    project = Projection(pose.yaw, pitch, joints['drop'], person.height)
    hull = torso_hull(canvas, person, project)
    depths = [(project((side * 0.06, 0.4, 0.0))[2] + 0.6 * project(
        joints['knee', side])[2], side) for side in (1, -1)]
    for _, side in sorted(depths):
        _leg(canvas, person, joints, project, side, light)
    _hips(canvas, person, joints, project)

    layers = [(0.0, partial(_middle, canvas, person, project, hull))]
    layers += [(project(joints['elbow', side])[2] + 0.03,
                partial(_arm, canvas, person, joints, project, side, light))
               for side in (1, -1)]
    if person.bag != 'none':
        layers.append(BAGS[person.bag](canvas, person, joints, project))
    layers.append((project((0, 0.9, -0.06))[2] * 1.2,
                   partial(draw_back_hair, canvas, person, project)))
    for _, draw in sorted(layers, key=lambda layer: layer[0]):
        draw()
    if person.scarf:
        hull.band(0.865, 0.815, person.scarf)
        hull.patch(0.05, 0.45, 0.82, 0.68, shade(person.scarf, 0.88))
    draw_head(canvas, person, project, face, light)
    if project.cos < 0:
        draw_back_hair(canvas, person, project)


def _middle(canvas, person, project, hull):
    neck = 0.03 * (0.7 + 0.3 * person.girth)
    canvas.limb([project((0, 0.82, 0.0)), project((0, 0.89, 0.005))],
                [neck * 1.1, neck], shade(person.skin, 0.82))
    draw_torso(person, hull)
    if person.bag == 'backpack':  # the straps
        for patch in both_sides(0.75, 0.14, 0.83, 0.63,
                                shade(person.bag_colour, 0.75)):
            hull.patch(*patch)
    if person.bag == 'shoulder':
        _strap(canvas, person, hull)


def _strap(canvas, person, hull):
    """From one shoulder down to the bag at the other hip, both sides."""
    colour, side = shade(person.bag_colour, 0.8), person.bag_side
    for start, sign in ((0.0, 1), (pi, -1)):
        middle = []
        for i in range(7):
            angle = start + sign * side * (-0.9 + 0.35 * i)
            span = hull.span(angle - 0.01, angle + 0.02)
            if span:
                middle += hull.points(span[:1], 0.83 - 0.05 * i)
        if len(middle) > 1:
            canvas.poly([(x, y + 0.016) for x, y in middle] +
                        [(x, y - 0.016) for x, y in middle[::-1]], colour)


def _leg(canvas, person, joints, project, side, light):
    leg = hip, knee, ankle = [project(joints[name, side])
                              for name in ('hip', 'knee', 'ankle')]
    dim = 1.0 if hip[2] + knee[2] > -0.01 else 0.84
    girth = 0.4 + 0.6 * person.girth
    radii = [r * girth
             for r in LEGS['skirt' if person.skirt else person.lower]]
    colour = shade(person.lower_colour, dim)
    skin = shade(person.skin, dim)
    if person.skirt:
        canvas.round_limb(leg, radii, skin, light)
    elif person.lower == 'shorts':
        canvas.round_limb(leg, [radii[0], 0.036 * girth, radii[2]], skin,
                          light)
        canvas.round_limb([hip, blend(hip, knee, 0.88)], radii[:2], colour,
                          light)
    else:
        canvas.round_limb(leg, radii, colour, light)
        if person.side_stripe and side * project.sin < 0.25:
            canvas.limb([(x + side * project.cos * r * 0.8, y)
                         for (x, y, _), r in zip(leg, radii)],
                        [0.008] * 3, person.second_colour)
    _shoe(canvas, person, joints, project, side, dim)


def _shoe(canvas, person, joints, project, side, dim):
    x, y, z = joints['ankle', side]
    tip = joints['pitch', side]
    heel = project((x, y - 0.018, z - 0.028))
    ball = project((x, y - 0.022 + 0.05 * tip, z + 0.055))
    top = project((x, y + 0.015, z))
    colour = shade(person.shoe_colour, dim)
    if person.shoes == 'boots':
        high = blend(top, project(joints['knee', side]), 0.38)
        canvas.limb([high, top], [0.036, 0.031], colour)
    if person.shoes == 'sandals':
        canvas.limb([heel, ball], [0.02, 0.02], shade(person.skin, dim))
    canvas.limb([top, heel, ball], [0.025, 0.024, 0.023], colour)
    sole = (235, 235, 235) if person.shoes == 'sneakers' else shade(
        colour, 0.5)
    canvas.limb([(heel[0], heel[1] - 0.016), (ball[0], ball[1] - 0.016)],
                [0.009, 0.009], sole)


def _hips(canvas, person, joints, project):
    if person.skirt:
        reach = max(abs(joints['knee', 1][2]), abs(joints['knee', -1][2]))
        draw_skirt(canvas, person, project, reach + 0.05)
        return
    girth = person.hips * person.girth
    rings = [(y, a * girth, b * person.girth)
             for y, a, b in ((0.56, 0.088, 0.066), (0.50, 0.097, 0.072),
                             (0.44, 0.088, 0.066))]
    hull = Hull(canvas, rings, project)
    hull.fill(person.lower_colour)
    hull.band(0.555, 0.54, shade(person.lower_colour, 0.5))


def _arm(canvas, person, joints, project, side, light):
    arm = shoulder, elbow, wrist = [project(joints[name, side])
                                    for name in ('shoulder', 'elbow', 'wrist')]
    dim = 1.0 if shoulder[2] > -0.04 else 0.82
    kind = SLEEVES.get(person.upper, 'long')
    thick = 0.006 if person.upper in ('coat', 'jacket', 'hoodie') else 0.0
    girth = 0.45 + 0.55 * person.girth
    upper, fore, end = (r * girth + thick for r in (0.036, 0.029, 0.023))
    sleeve = person.upper_colour
    if kind == 'inner':
        sleeve = person.inner_colour
    elif person.pattern == 'block' and person.pattern_scale < 0.9:
        sleeve = person.second_colour
    elif person.pattern in ('checks', 'vstripes'):
        sleeve = blend(sleeve, person.second_colour, 0.4)
    sleeve, skin = shade(sleeve, dim), shade(person.skin, dim)
    hand = blend(wrist, elbow, -0.2)
    canvas.limb([wrist, hand], [0.019, 0.018], skin)
    if kind in ('long', 'inner'):
        canvas.round_limb(arm, [upper, fore, end], sleeve, light)
    else:
        canvas.round_limb(arm, [upper * 0.9, fore * 0.9, end * 0.8], skin,
                          light)
        if kind == 'short':
            canvas.round_limb([shoulder, blend(shoulder, elbow, 0.7)],
                              [upper + 0.006, upper], sleeve, light)
    if person.pattern == 'stripes' and kind != 'none':
        _rings(canvas, person, shoulder, elbow, upper, dim)
        if kind == 'long':
            _rings(canvas, person, elbow, wrist, fore, dim)


def _rings(canvas, person, start, end, radius, dim):
    """Stripes of a sleeve between two joints."""
    colour = shade(person.second_colour, dim)
    length = ((end[0] - start[0])**2 + (end[1] - start[1])**2)**0.5
    if length < 0.02:
        return
    dx, dy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    step = 0.045 * person.pattern_scale
    w = step * 0.22
    for i in range(int(0.14 / step)):
        t = 0.02 + i * step
        if t > length:
            break
        x, y = start[0] + dx * t, start[1] + dy * t
        canvas.poly([(x - u * dy * radius + v * dx * w,
                      y + u * dx * radius + v * dy * w)
                     for u, v in ((1, -1), (-1, -1), (-1, 1), (1, 1))],
                    colour)


def _backpack(canvas, person, joints, project):
    size = 0.85 + 0.25 * person.pattern_scale
    half, deep = 0.078 * size, 0.062 * size
    low = 0.815 - 0.25 * size
    rings = [(0.815, half * 0.6, deep * 0.5), (0.80, half * 0.9, deep * 0.8),
             (0.75, half, deep), (0.64, half * 1.05, deep * 1.1),
             (low, half, deep)]
    pack = Hull(canvas, rings, project, z=-(0.085 * person.girth + 0.02))

    def draw():
        pack.fill(shade(person.bag_colour, 0.9))
        pack.patch(pi - 1.0, pi + 1.0, 0.80, low, person.bag_colour)
        pack.patch(pi - 0.9, pi + 0.9, 0.70, 0.69,
                   shade(person.bag_colour, 0.55))
        pack.patch(pi - 0.8, pi + 0.8, 0.66, low + 0.02,
                   shade(person.bag_colour, 0.75))

    return project((0, 0.7, -0.13))[2], draw


def _box(canvas, project, centre, tall, deep, colour):
    """An upright bag around a point."""
    x, y, z = centre
    rings = [(y + tall, 0.03 * 0.9, deep), (y, 0.03, deep),
             (y - tall, 0.03, deep)]
    hull = Hull(canvas, rings, project, x, z)
    hull.fill(colour)
    hull.band(y + tall * 0.45, y + tall * 0.3, shade(colour, 0.6))


def _shoulder_bag(canvas, person, joints, project):
    centre = (person.bag_side * (0.115 * person.girth + 0.02), 0.50, -0.01)
    return project(centre)[2] + 0.05, partial(
        _box, canvas, project, centre, 0.055, 0.07, person.bag_colour)


def _carried(tall, wide, reach, canvas, person, joints, project):
    """A bag that hangs from one hand."""
    x, y, z = joints['wrist', person.bag_side]
    centre = (x, y - reach - tall, z)

    def draw():
        canvas.limb([project((x, y - 0.02, z)), project((x, y - reach, z))],
                    [0.01, 0.012], shade(person.bag_colour, 0.6))
        _box(canvas, project, centre, tall, wide, person.bag_colour)

    return project(centre)[2] + 0.02, draw


# each returns its depth and a function that draws it
BAGS = dict(backpack=_backpack, shoulder=_shoulder_bag,
            handbag=partial(_carried, 0.05, 0.065, 0.05),
            tote=partial(_carried, 0.075, 0.075, 0.06),
            briefcase=partial(_carried, 0.05, 0.09, 0.035),
            suitcase=partial(_carried, 0.11, 0.075, 0.12))
