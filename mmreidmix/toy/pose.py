"""Poses: a walking skeleton in three dimensions and its projection."""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from .identity import Person

Point = tuple[float, float, float]  # to the person's left, up, forward

ARMS = ('swing', 'swing', 'swing', 'phone', 'bent', 'pockets')


@dataclass(frozen=True)
class Pose:
    """One moment of a walk; angles in radians."""

    yaw: float  # 0 faces the camera, pi/2 walks to the right, pi walks away
    phase: float  # of the walk
    stride: float  # largest angle of the thigh; 0 stands
    arms: str = 'swing'  # one of ARMS
    bend: float = 0.25  # of the elbow


def sample_pose(rng: np.random.Generator, person: Person,
                yaw: float) -> Pose:
    """Draw a pose: mostly walking, sometimes standing."""
    stride = person.stride if rng.random() < 0.85 else 0.06
    if person.skirt == 'longskirt':
        stride *= 0.45
    return Pose(
        yaw=yaw,
        phase=float(rng.uniform(0, 2 * pi)),
        stride=float(stride * rng.uniform(0.8, 1.1)),
        arms=ARMS[int(rng.integers(len(ARMS)))],
        bend=float(rng.uniform(0.1, 0.5)))


def _hang(start: Point, length: float, angle: float, out: float) -> Point:
    """End of a bone that hangs from ``start``, swung forward by ``angle``."""
    x, y, z = start
    return (x + length * sin(out), y - length * cos(angle) * cos(out),
            z + length * sin(angle))


def skeleton(person: Person, pose: Pose) -> dict:
    """Joints by name and side (+1 the person's left), in body units."""
    joints = {}
    for side in (1, -1):
        swing = side * sin(pose.phase)
        lift = max(0.0, side * cos(pose.phase))
        thigh = pose.stride * swing
        knee_bend = 0.06 + pose.stride * (0.35 + 0.9 * lift)
        hip = joints['hip', side] = (side * 0.048 * person.hips, 0.5, 0.0)
        knee = joints['knee', side] = _hang(hip, 0.235, thigh, side * 0.01)
        joints['ankle', side] = _hang(knee, 0.225, thigh - knee_bend, 0.0)
        joints['pitch', side] = 0.35 * (thigh - knee_bend)
        _arm(joints, person, pose, side, swing)
    lowest = min(joints['ankle', 1][1], joints['ankle', -1][1])
    joints['drop'] = lowest - 0.035
    return joints


def _arm(joints: dict, person: Person, pose: Pose, side: int, swing: float):
    """Add shoulder, elbow and wrist of one arm."""
    angle = -0.85 * pose.stride * swing
    out, bend = side * (0.10 + 0.05 * person.girth), pose.bend
    holds = person.bag in ('handbag', 'tote', 'briefcase', 'suitcase')
    if holds and side == person.bag_side:
        angle, bend = 0.25 * angle, 0.05
    elif pose.arms == 'phone' and side == -person.bag_side:
        angle, bend, out = 0.5, 2.35, side * 0.12
    elif pose.arms == 'bent':
        angle, bend = angle * 0.4, 1.3
    elif pose.arms == 'pockets':
        angle, bend, out = -0.15, 0.55, side * 0.32
    broad = 0.097 * person.shoulders * (0.6 + 0.4 * person.girth)
    shoulder = joints['shoulder', side] = (side * broad, 0.775, 0.0)
    elbow = joints['elbow', side] = _hang(shoulder, 0.165, angle, out)
    inward = -side * 0.25 if pose.arms in ('pockets', 'bent') else out * 0.3
    joints['wrist', side] = _hang(elbow, 0.15, angle + bend, inward)


class Projection:
    """Orthographic view of a person with heading and camera pitch."""

    def __init__(self, yaw: float, pitch: float, drop: float, height: float):
        self.sin, self.cos = sin(yaw), cos(yaw)
        self.tilt, self.level = sin(pitch), cos(pitch)
        self.drop, self.height = drop, height

    def __call__(self, point: Point) -> tuple[float, float, float]:
        """Image x (right), y (up) and depth (towards the camera)."""
        x, y, z = point
        depth = z * self.cos - x * self.sin
        across = x * self.cos + z * self.sin
        up = (y - self.drop) * self.level - depth * self.tilt * 0.6
        return across * self.height, up * self.height, depth
