"""Cameras: scene, light and everything a lens and a sensor do."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import pi, sin
from typing import Optional

import cv2
import numpy as np

from .canvas import Canvas, shade
from .figure import draw_person
from .identity import Person, person_of
from .pose import Pose, sample_pose
from .scenes import HEIGHT, WIDTH, make_scene, window
from .styles import STYLES, Style

OCCLUDERS = ('post', 'bush', 'box', 'person')
# what a camera draws from the ranges of its style, in this order
_PROPERTIES = ('blur', 'noise', 'quality', 'resolution', 'occlusion',
               'misalign', 'zoom', 'pitch')
_PASSERS = 40_000_000  # numbers of people who only ever pass by


@dataclass(frozen=True)
class Camera:
    """What all pictures of one camera share."""

    style: Style
    scene: np.ndarray
    light: float
    light_side: float
    table: np.ndarray
    mix: np.ndarray
    blur: float
    noise: float
    quality: float
    resolution: float
    occlusion: float
    misalign: float
    zoom: float
    pitch: float
    headings: tuple


@dataclass(frozen=True)
class Shot:
    """What changes from picture to picture of one camera."""

    pose: Pose
    shift: tuple  # crop error right and up, in body heights
    zoom: float  # body height as a fraction of the crop height
    corner: tuple  # top left of the background crop, fractions
    occluder: str  # one of OCCLUDERS, or ''
    passer: int  # number of somebody in the background, or -1
    place: float  # where the occluder or the passer is, -1..1
    exposure: float  # brightness factor of this picture
    # Seed of cloth folds and of the occluder's look, the same in all frames
    # of a tracklet.
    texture: int


@lru_cache(maxsize=64)
def camera_of(seed: int, style: str, number: int) -> Camera:
    """The camera with this number; depends on nothing else."""
    config = STYLES[style]
    rng = np.random.default_rng([seed, config.index, number, 0xCA])

    def draw(limits):
        return float(rng.uniform(*limits))

    warmth, tint = rng.uniform(-config.cast, config.cast, 2)
    gains = draw(config.gain) * np.array(
        [1 - warmth, 1 + 0.4 * tint, 1 + warmth])  # blue, green, red
    steps = np.arange(256, dtype=np.float32)[:, None]
    haze = draw(config.haze)
    table = 110 + draw(config.contrast) * (steps * gains - 110)
    table = haze + table * (1 - haze / 255)
    saturation = draw(config.saturation)
    grey = np.array([[0.114, 0.587, 0.299]], np.float32)
    mix = saturation * np.eye(3) + (1 - saturation) * np.repeat(grey, 3, 0)
    first = draw((0, 2 * pi))
    return Camera(
        style=config,
        scene=make_scene(rng, config),
        light=draw(config.light),
        light_side=draw((-1, 1)),
        table=np.clip(table, 0, 255).astype(np.float32),
        mix=mix.astype(np.float32),
        **{name: draw(getattr(config, name)) for name in _PROPERTIES},
        headings=(first, first + pi, draw((0, 2 * pi))))


def sample_shot(rng: np.random.Generator, camera: Camera,
                person: Person) -> Shot:
    """Draw what one picture of a person looks like in a camera."""
    heading = camera.headings[int(rng.choice(3, p=(0.42, 0.42, 0.16)))]
    occluder = ''
    if rng.random() < camera.occlusion:
        occluder = OCCLUDERS[int(rng.integers(len(OCCLUDERS)))]
    passer = -1
    if occluder == 'person' or rng.random() < camera.style.passers:
        passer = _PASSERS + int(rng.integers(1000))
    return Shot(
        pose=sample_pose(rng, person, heading + float(rng.normal(0, 0.35))),
        shift=tuple(float(v) for v in rng.normal(0, camera.misalign, 2)),
        zoom=camera.zoom * float(rng.uniform(0.97, 1.03)),
        corner=tuple(float(v) for v in rng.random(2)),
        occluder=occluder,
        passer=passer,
        place=float(rng.uniform(0.45, 1.0) * rng.choice([-1, 1])),
        exposure=float(rng.uniform(0.92, 1.08)),
        texture=int(rng.integers(2**31)))


def walk(first: Shot, frame: int) -> Shot:
    """The shot ``frame`` frames later: the same person has walked on."""
    pose = first.pose
    moved = replace(pose, yaw=pose.yaw + 0.25 * sin(0.07 * frame),
                    phase=pose.phase + 0.42 * frame)
    drift = 0.006 * sin(0.5 * frame + pose.phase)
    x, y = first.corner
    pan = 0.004 * frame * (1 if sin(pose.yaw) >= 0 else -1)
    return replace(
        first, pose=moved,
        shift=(first.shift[0] + drift, first.shift[1] - drift / 2),
        zoom=first.zoom * (1 + 0.02 * sin(0.11 * frame)),
        corner=(abs((x + pan + 1) % 2 - 1), y))


def _draw(camera, person, shot, size, passer, face):
    """The picture before it passes the lens; float32, BGR."""
    rows, columns = size
    canvas = Canvas(2 * rows, 2 * columns)
    still = np.random.default_rng(shot.texture)
    front = shot.occluder == 'person'
    if passer is not None and not front:
        _draw_passer(canvas, camera, passer, shot, 0.8)
    canvas.place((0.5 + shot.shift[0] * rows / columns) * 2 * columns,
                 (0.5 + shot.zoom / 2 + shot.shift[1]) * 2 * rows,
                 shot.zoom * 2 * rows)
    if camera.light >= 0.12:  # shadow on the ground, away from the light
        canvas.ellipse(-0.08 * camera.light_side, 0.005, 0.15, 0.022,
                       (0, 0, 0), int(60 + 120 * camera.light))
    draw_person(canvas, person, shot.pose, camera.pitch,
                2 * camera.light_side * camera.light, face)
    if passer is not None and front:
        _draw_passer(canvas, camera, passer, shot, 1.1)
    if shot.occluder and not front:
        _occlude(canvas, shot, still)
    figure = cv2.resize(
        canvas.pixels, size[::-1], interpolation=cv2.INTER_AREA)
    image = _background(camera, shot, size)
    alpha = figure[..., 3].astype(np.float32) * np.float32(1 / 255)
    body = figure[..., :3] * _surface(still, camera, alpha)[..., None]
    return image * (1 - alpha)[..., None] + body


def _draw_passer(canvas, camera, person, shot, size):
    rows, columns = canvas.pixels.shape[:2]
    canvas.place(columns * (0.5 + 0.62 * shot.place),
                 rows * (0.92 if size < 1 else 1.1), rows * size * shot.zoom)
    pose = Pose(shot.pose.yaw + 2 * shot.place, 3 * shot.pose.phase, 0.35)
    draw_person(canvas, person, pose, camera.pitch, camera.light_side)


def _occlude(canvas, shot, rng):
    rows, columns = canvas.pixels.shape[:2]
    canvas.place(columns / 2, rows, rows)
    tone = tuple(rng.uniform(40, 180) + rng.uniform(-25, 25, 3))
    if shot.occluder == 'post':
        x, wide = 0.2 * shot.place, rng.uniform(0.02, 0.05)
        canvas.rect(x, 0, x + wide, 1, tone)
        canvas.rect(x, 0, x + wide / 3, 1, shade(tone, 0.7))
    elif shot.occluder == 'bush':
        for _ in range(26):
            x, y = rng.uniform(-0.27, 0.27), rng.uniform(-0.02, 0.2)
            canvas.ellipse(x, y, 0.045, 0.04,
                           shade((40, 110, 60), rng.uniform(0.5, 1.1)))
    else:
        top = rng.uniform(0.16, 0.3)
        left, right = -0.3 + 0.2 * shot.place, 0.3 + 0.2 * shot.place
        canvas.rect(left, 0, right, top, tone)
        canvas.rect(left, top, right, top - 0.03, shade(tone, 0.7))


def _background(camera, shot, size):
    """Cut the place where the picture was taken from the scene."""
    rows = int(116 / shot.zoom)
    columns = min(int(rows * size[1] / size[0]), WIDTH)
    rows = min(rows, HEIGHT)
    y = int((0.35 + 0.65 * shot.corner[1]) * (HEIGHT - rows))
    x = int(shot.corner[0] * (WIDTH - columns))
    crop = camera.scene[y:y + rows, x:x + columns]
    return cv2.resize(crop, size[::-1], interpolation=cv2.INTER_LINEAR)


def _surface(rng, camera, alpha):
    """Brightness of the body: rounded by the light, with folds."""
    rows, columns = alpha.shape
    side = max(rows // 18, 1)
    soft = cv2.blur(alpha, (side, side))
    slope = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)
    shading = 1 - 0.6 * camera.light * camera.light_side * slope
    shading -= (1 - soft) * 0.35 * camera.light
    if camera.style.folds:
        folds = window(rng, 'cloud', 64, 64)
        folds = cv2.resize(folds, (columns, rows))
        shading += camera.style.folds * 0.45 * (folds - folds.mean())
    return np.clip(shading, 0.35, 1.6)


def _expose(rng, camera, shot, image):
    """Lens, colour processing, sensor."""
    rows, columns = image.shape[:2]
    ramp = np.linspace(-1, 1, columns, dtype=np.float32)
    side = 0.3 * camera.light * camera.light_side
    image *= shot.exposure * (1 + side * ramp[:, None])
    image = np.clip(image, 0, 255).astype(np.uint8)
    if camera.resolution < 0.95:
        small = (max(int(columns * camera.resolution), 8),
                 max(int(rows * camera.resolution), 16))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (columns, rows))
    if camera.blur > 0.1:
        image = cv2.GaussianBlur(image, (0, 0), camera.blur * rows / 128)
    image = cv2.transform(image, camera.mix)
    image = cv2.LUT(image, camera.table.reshape(1, 256, 3))
    if camera.noise > 0.2:
        image = image + camera.noise * window(rng, 'grain', rows, columns)
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def shoot(seed: int, style: str, number: int, camid: int, index: int,
          size: tuple, frame: int = -1, yaw: Optional[float] = None,
          face: bool = True, miss: float = 0.0) -> np.ndarray:
    """The picture ``index`` of a person in a camera.

    A function of its arguments alone: the random state is seeded with
    ``[seed, style, number, camid, index]``, so that neither the order nor the
    number of worker processes matters.

    Args:
        seed (int): of the data set.
        style (str): a key of :data:`~mmreidmix.toy.styles.STYLES`.
        number (int): person.
        camid (int): camera, from 0.
        index (int): picture of this person in this camera.
        size (tuple): rows and columns.
        frame (int): of a tracklet; -1 for single pictures.
        yaw (float, optional): heading, if the data set prescribes one.
        face (bool): False leaves the face blank.
        miss (float): crop error right and down, in body heights.

    Returns:
        np.ndarray: (rows, columns, 3) uint8, BGR.
    """
    camera = camera_of(seed, style, camid)
    person = person_of(seed, style, number)
    key = [seed, camera.style.index, number, camid, index]
    shot = sample_shot(np.random.default_rng(key), camera, person)
    if frame >= 0:
        shot = walk(shot, frame)
    if yaw is not None:
        shot = replace(shot, pose=replace(shot.pose, yaw=yaw))
    if miss:
        shot = replace(shot, shift=(miss, miss))
    passer = None
    if shot.passer >= 0:
        passer = person_of(seed, style, shot.passer)
    image = _draw(camera, person, shot, size, passer, face)
    return _expose(np.random.default_rng([*key, frame + 1]), camera, shot,
                   image)


def encode(image: np.ndarray, quality: float, png: bool) -> bytes:
    """JPEG bytes, or PNG bytes of the picture after JPEG compression."""
    options = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    data = cv2.imencode('.jpg', image, options)[1]
    if png:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        data = cv2.imencode('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    return data.tobytes()
