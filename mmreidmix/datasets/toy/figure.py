"""A whole person, drawn back to front."""

from math import pi

from .canvas import Canvas, blend, shade
from .garments import SKIRTS, SLEEVES, Hull, draw_skirt, draw_torso, torso_hull
from .head import draw_back_hair, draw_head, draw_neck
from .identity import Person
from .pose import Pose, Projection, skeleton

# lower garment: radii at hip, knee, ankle; where it ends along the leg
LEGS = dict(trousers=(0.056, 0.041, 0.033), wide=(0.06, 0.052, 0.055),
            leggings=(0.05, 0.035, 0.024), shorts=(0.058, 0.047, 0.024),
            skirt=(0.05, 0.034, 0.024), longskirt=(0.05, 0.034, 0.024))


def draw_person(canvas: Canvas, person: Person, pose: Pose, pitch: float = 0,
                light: float = 0.5, face: bool = True):
    """Draw a person with the feet at the origin of the canvas.

    Args:
        canvas (Canvas): Placed so that one unit is an average body height.
        person (Person): Who.
        pose (Pose): Heading and limbs.
        pitch (float): Downward angle of the camera, radians.
        light (float): -1 light from the left ... 1 from the right.
        face (bool): False leaves the face blank.
    """
    joints = skeleton(person, pose)
    project = Projection(pose.yaw, pitch, joints['drop'], person.height)
    hull = torso_hull(person, project)
    items = [(project((side * 0.06, 0.4, 0.0))[2] + 0.6 * project(
        joints['knee', side])[2], side) for side in (1, -1)]
    for _, side in sorted(items):
        _leg(canvas, person, joints, project, side, light)
    _hips(canvas, person, joints, project)

    layers = [(0.0, lambda: _middle(canvas, person, project, hull))]
    for side in (1, -1):
        depth = project(joints['elbow', side])[2] + 0.03
        layers.append((depth, lambda side=side: _arm(
            canvas, person, joints, project, side, light)))
    if person.bag != 'none':
        depth, draw = BAGS[person.bag](canvas, person, joints, project, hull)
        layers.append((depth, draw))
    behind = project((0, 0.9, -0.06))[2]
    layers.append((behind * 1.2,
                   lambda: draw_back_hair(canvas, person, project)))
    for _, draw in sorted(layers, key=lambda item: item[0]):
        draw()
    if person.scarf:
        _scarf(canvas, person, project, hull)
    if person.hair in ('long', 'ponytail', 'bun') and project.cos < 0:
        draw_head(canvas, person, project, face, light)
        draw_back_hair(canvas, person, project)
    else:
        draw_head(canvas, person, project, face, light)


def _middle(canvas, person, project, hull):
    draw_neck(canvas, person, project)
    draw_torso(canvas, person, hull)
    if person.bag == 'backpack':  # the straps
        for side in (-1, 1):
            hull.patch(canvas, side * 0.75 - 0.14, side * 0.75 + 0.14, 0.83,
                       0.63, shade(person.bag_colour, 0.75))
    if person.bag == 'shoulder':
        _strap(canvas, person, hull)


def _strap(canvas, person, hull: Hull):
    """From one shoulder down to the bag at the other hip, both sides."""
    colour, side = shade(person.bag_colour, 0.8), person.bag_side
    for start, sign in ((0.0, 1), (pi, -1)):
        upper, lower = [], []
        for i in range(7):
            angle = start + sign * side * (-0.9 + 0.35 * i)
            span = hull.span(angle - 0.01, angle + 0.02)
            if span:
                x, y = hull.points(span[:1], 0.83 - 0.05 * i)[0]
                upper.append((x, y + 0.016))
                lower.append((x, y - 0.016))
        if len(upper) > 1:
            canvas.poly(upper + lower[::-1], colour)


def _leg(canvas, person, joints, project, side, light):
    hip, knee, ankle = (project(joints[name, side])
                        for name in ('hip', 'knee', 'ankle'))
    dim = 1.0 if hip[2] + knee[2] > -0.01 else 0.84
    skirted = person.lower in SKIRTS or person.upper == 'dress'
    radii = LEGS['skirt' if skirted else person.lower]
    girth = 0.4 + 0.6 * person.girth
    radii = [r * girth for r in radii]
    colour = shade(person.lower_colour, dim)
    skin = shade(person.skin, dim)
    if skirted:
        canvas.round_limb([hip, knee, ankle], radii, skin, light)
    elif person.lower == 'shorts':
        canvas.round_limb([hip, knee, ankle],
                          [radii[0], 0.036 * girth, radii[2]], skin, light)
        end = tuple(h + 0.88 * (k - h) for h, k in zip(hip, knee))
        canvas.round_limb([hip, end], radii[:2], colour, light)
    else:
        canvas.round_limb([hip, knee, ankle], radii, colour, light)
        if person.side_stripe and side * project.sin < 0.25:
            canvas.limb(
                [(x + side * project.cos * r * 0.8, y)
                 for (x, y, _), r in zip((hip, knee, ankle), radii)],
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
        shin = project(joints['knee', side])
        high = tuple(a + 0.38 * (b - a) for a, b in zip(top, shin))
        canvas.limb([high[:2], top[:2]], [0.036, 0.031], colour)
    if person.shoes == 'sandals':
        canvas.limb([heel[:2], ball[:2]], [0.02, 0.02],
                    shade(person.skin, dim))
    canvas.limb([top[:2], heel[:2], ball[:2]], [0.025, 0.024, 0.023], colour)
    sole = (235, 235, 235) if person.shoes == 'sneakers' else shade(
        colour, 0.5)
    canvas.limb([(heel[0], heel[1] - 0.016), (ball[0], ball[1] - 0.016)],
                [0.009, 0.009], sole)


def _hips(canvas, person, joints, project):
    if person.lower in SKIRTS or person.upper == 'dress':
        reach = max(abs(joints['knee', 1][2]), abs(joints['knee', -1][2]))
        draw_skirt(canvas, person, project, reach + 0.05)
        return
    girth = person.hips * person.girth
    rings = [(0.56, 0.088 * girth, 0.066 * person.girth),
             (0.50, 0.097 * girth, 0.072 * person.girth),
             (0.44, 0.088 * girth, 0.066 * person.girth)]
    hull = Hull(rings, project)
    canvas.poly(hull.outline(), person.lower_colour)
    hull.band(canvas, 0.555, 0.54, shade(person.lower_colour, 0.5))


def _arm(canvas, person, joints, project, side, light):
    shoulder, elbow, wrist = (project(joints[name, side])
                              for name in ('shoulder', 'elbow', 'wrist'))
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
    hand = tuple(w + 0.2 * (w - e) for w, e in zip(wrist, elbow))
    canvas.limb([wrist, hand], [0.019, 0.018], skin)
    if kind in ('long', 'inner'):
        canvas.round_limb([shoulder, elbow, wrist], [upper, fore, end],
                          sleeve, light)
    else:
        canvas.round_limb([shoulder, elbow, wrist],
                          [upper * 0.9, fore * 0.9, end * 0.8], skin, light)
        if kind == 'short':
            half = tuple(s + 0.7 * (e - s) for s, e in zip(shoulder, elbow))
            canvas.round_limb([shoulder, half], [upper + 0.006, upper],
                              sleeve, light)
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
    for i in range(int(0.14 / step)):
        t = 0.02 + i * step
        if t > length:
            break
        x, y = start[0] + dx * t, start[1] + dy * t
        w = step * 0.22
        canvas.poly([(x - dy * radius - dx * w, y + dx * radius - dy * w),
                     (x + dy * radius - dx * w, y - dx * radius - dy * w),
                     (x + dy * radius + dx * w, y - dx * radius + dy * w),
                     (x - dy * radius + dx * w, y + dx * radius + dy * w)],
                    colour)


def _backpack(canvas, person, joints, project, hull):
    size = 0.85 + 0.25 * person.pattern_scale
    half, deep = 0.078 * size, 0.062 * size
    rings = [(0.815, half * 0.6, deep * 0.5), (0.80, half * 0.9, deep * 0.8),
             (0.75, half, deep), (0.64, half * 1.05, deep * 1.1),
             (0.815 - 0.25 * size, half, deep)]
    back = 0.085 * person.girth + 0.02

    def shifted(point):
        return project((point[0], point[1], point[2] - back))

    shifted.sin, shifted.cos = project.sin, project.cos
    pack = Hull(rings, shifted)

    def draw():
        low = rings[-1][0]
        canvas.poly(pack.outline(), shade(person.bag_colour, 0.9))
        pack.patch(canvas, pi - 1.0, pi + 1.0, 0.80, low, person.bag_colour)
        pack.patch(canvas, pi - 0.9, pi + 0.9, 0.70, 0.69,
                   shade(person.bag_colour, 0.55))
        pack.patch(canvas, pi - 0.8, pi + 0.8, 0.66, low + 0.02,
                   shade(person.bag_colour, 0.75))

    return project((0, 0.7, -0.13))[2], draw


def _box(canvas, project, centre, half, tall, deep, colour):
    """An upright bag around a point."""
    x, y, z = centre
    rings = [(y + tall, half * 0.9, deep), (y, half, deep),
             (y - tall, half, deep)]

    def shifted(point):
        return project((point[0] + x, point[1], point[2] + z))

    shifted.sin, shifted.cos = project.sin, project.cos
    hull = Hull(rings, shifted)
    canvas.poly(hull.outline(), colour)
    hull.band(canvas, y + tall * 0.45, y + tall * 0.3, shade(colour, 0.6))


def _shoulder_bag(canvas, person, joints, project, hull):
    x = person.bag_side * (0.115 * person.girth + 0.02)
    centre = (x, 0.50, -0.01)
    return project(centre)[2] + 0.05, lambda: _box(
        canvas, project, centre, 0.03, 0.055, 0.07, person.bag_colour)


def _carried(tall, wide, reach):
    """A bag that hangs from one hand."""

    def bag(canvas, person, joints, project, hull):
        x, y, z = joints['wrist', person.bag_side]
        centre = (x, y - reach - tall, z)

        def draw():
            grip = project((x, y - 0.02, z))
            top = project((x, y - reach, z))
            canvas.limb([grip[:2], top[:2]], [0.01, 0.012],
                        shade(person.bag_colour, 0.6))
            _box(canvas, project, centre, 0.03, tall, wide,
                 person.bag_colour)

        return project(centre)[2] + 0.02, draw

    return bag


BAGS = dict(backpack=_backpack, shoulder=_shoulder_bag,
            handbag=_carried(0.05, 0.065, 0.05),
            tote=_carried(0.075, 0.075, 0.06),
            briefcase=_carried(0.05, 0.09, 0.035),
            suitcase=_carried(0.11, 0.075, 0.12))


def _scarf(canvas, person, project, hull):
    hull.band(canvas, 0.865, 0.815, person.scarf)
    hull.patch(canvas, 0.05, 0.45, 0.82, 0.68, shade(person.scarf, 0.88))
