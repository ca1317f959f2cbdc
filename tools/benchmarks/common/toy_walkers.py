"""A drawn recording of people who walk past each other and a wall."""

from math import pi
from pathlib import Path

import cv2
import numpy as np

from mmreidmix.files import replace_file
from mmreidmix.toy.canvas import Canvas
from mmreidmix.toy.figure import draw_person
from mmreidmix.toy.identity import person_of
from mmreidmix.toy.pose import Pose

HEIGHT, WIDTH = 240, 480
WALL = (210, 270)  # columns that hide who is behind them
_TALL, _WIDE = 90, 36


def write_walkers(folder: Path, frames: int = 240, people: int = 8,
                  seed: int = 0) -> None:
    """Write a sequence of MOTChallenge: ``img1``, ``gt`` and ``det``.

    People walk to and fro at their own speed. Boxes of ``det`` are those of
    ``gt`` moved by some pixels; there is none for who is mostly behind the
    wall or behind somebody.
    """
    rng = np.random.default_rng(seed)
    starts = rng.uniform(0, 2 * WIDTH, people)
    speeds = rng.uniform(2, 5, people) * rng.choice([-1, 1], people)
    feet = np.sort(rng.uniform(HEIGHT * 0.6, HEIGHT - 4, people))
    truth, found = [], []
    for frame in range(1, frames + 1):
        places = np.abs((starts + speeds * frame) % (2 * WIDTH) - WIDTH)
        right = (starts + speeds * frame) % (2 * WIDTH) > WIDTH
        right ^= speeds < 0
        boxes = np.column_stack([
            places - _WIDE / 2 + 1, feet - _TALL + 1,
            np.full(people, _WIDE), np.full(people, _TALL)])
        _save(folder / 'img1' / f'{frame:06d}.jpg', _draw(
            seed, frame, places, feet, right))
        for person, box in enumerate(boxes):
            truth.append(_line(frame, person + 1, box))
            if _visible(person, places, feet):
                found.append(_line(frame, -1, box + rng.normal(0, 1.5, 4)))
    for kind, lines in (('gt', truth), ('det', found)):
        text = '\n'.join(lines).encode()
        replace_file(folder / kind / f'{kind}.txt',
                     lambda stream, text=text: stream.write(text))


def _draw(seed, frame, places, feet, right) -> np.ndarray:
    canvas = Canvas(HEIGHT, WIDTH)
    for person, (x, y) in enumerate(zip(places, feet)):  # far to near
        canvas.place(x, y, _TALL)
        yaw = pi / 2 if right[person] else -pi / 2
        draw_person(canvas, person_of(seed, 'unseen', person),
                    Pose(yaw, 0.42 * frame, 0.35))
    alpha = canvas.pixels[..., 3:] / np.float32(255)
    image = 150 * (1 - alpha) + canvas.pixels[..., :3] * alpha
    image[:, WALL[0]:WALL[1]] = (90, 100, 110)
    return image.astype(np.uint8)


def _visible(person, places, feet) -> bool:
    x = places[person]
    if WALL[0] - _WIDE / 4 < x < WALL[1] + _WIDE / 4 or not 0 < x < WIDTH:
        return False
    nearer = feet > feet[person]
    return not (np.abs(places[nearer] - x) < _WIDE / 2).any()


def _line(frame, track, box) -> str:
    return ','.join([str(frame), str(track), *(f'{v:.1f}' for v in box), '1'])


def _save(file: Path, image: np.ndarray) -> None:
    data = cv2.imencode('.jpg', image)[1].tobytes()
    replace_file(file, lambda stream: stream.write(data))
