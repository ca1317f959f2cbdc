"""Background scenes of the cameras, each larger than any crop."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np

from .canvas import Colour, shade
from .identity import pick
from .styles import COLOURS, Style

HEIGHT, WIDTH = 208, 704  # a person is about 116 pixels tall in here


@lru_cache(maxsize=2)
def noise_bank(kind: str) -> np.ndarray:
    """Fixed float32 noise to cut windows from, mean 0 and deviation 1.

    'grain' is white; 'cloud' is a sum of octaves and looks like dirt, leaves
    or folds. Cutting is ten times as fast as drawing anew.
    """
    rng = np.random.default_rng(0x70)
    size = 1024
    if kind == 'grain':
        return rng.standard_normal((size, size, 3), dtype=np.float32)
    total = np.zeros((size, size), np.float32)
    for octave in range(3, 10):
        cells = 2**octave
        layer = rng.standard_normal((cells, cells), dtype=np.float32)
        total += cv2.resize(
            layer, (size, size), interpolation=cv2.INTER_LINEAR) / cells**0.7
    return (total - total.mean()) / total.std()


def window(rng: np.random.Generator, kind: str, height: int,
           width: int) -> np.ndarray:
    """A random window of the noise bank."""
    bank = noise_bank(kind)
    y = int(rng.integers(bank.shape[0] - height + 1))
    x = int(rng.integers(bank.shape[1] - width + 1))
    return bank[y:y + height, x:x + width]


def make_scene(rng: np.random.Generator, style: Style) -> np.ndarray:
    """Draw the scene of one camera, (HEIGHT, WIDTH, 3) uint8, BGR."""
    draw = SCENES[pick(rng, style.scenes)]
    horizon = int(HEIGHT * rng.uniform(0.42, 0.66))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    draw(_Painter(rng, image), rng, horizon)
    if not style.folds:  # clean rendering
        return image
    texture = cv2.resize(
        window(rng, 'cloud', 256, 512), (WIDTH, HEIGHT))[..., None]
    grain = window(rng, 'grain', HEIGHT, WIDTH)[..., :1]
    result = image * (1 + 0.06 * texture) + 3 * grain
    return np.clip(result, 0, 255).astype(np.uint8)


class _Painter:
    """Paints a scene; colours are names to choose from, or BGR."""

    def __init__(self, rng: np.random.Generator, image: np.ndarray):
        self.rng, self.image = rng, image

    def tone(self, names: str = ' '.join(COLOURS), spread: int = 18) -> Colour:
        """A colour near one of the named ones."""
        choices = names.split()
        rgb = COLOURS[choices[int(self.rng.integers(len(choices)))]]
        return tuple(
            float(np.clip(c + self.rng.uniform(-spread, spread), 5, 250))
            for c in rgb[::-1])

    def columns(self, low: int, high: int) -> Iterator[int]:
        """Yield ``low`` to ``high - 1`` random columns."""
        for _ in range(int(self.rng.integers(low, high))):
            yield int(self.rng.integers(WIDTH))

    def fronts(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Yield left edges and widths of houses or shops, side by side."""
        x = 0
        while x < WIDTH:
            wide = int(self.rng.integers(low, high))
            yield x, wide
            x += wide

    def box(self, x0: float, y0: float, x1: float, y1: float,
            colour: Colour) -> None:
        if isinstance(colour, str):
            colour = self.tone(colour)
        cv2.rectangle(self.image, (int(x0), int(y0)), (int(x1), int(y1)),
                      colour, -1)

    def poly(self, corners: Sequence, colour: Colour) -> None:
        cv2.fillPoly(self.image, [np.array(corners, np.int32)], colour)

    def line(self, x0: float, y0: float, x1: float, y1: float,
             colour: Colour) -> None:
        cv2.line(self.image, (int(x0), int(y0)), (int(x1), int(y1)), colour)

    def bricks(self, x0: int, y0: int, x1: int, y1: int,
               colour: Colour) -> None:
        self.box(x0, y0, x1, y1, colour)
        high = int(self.rng.integers(5, 9))
        wide = int(self.rng.integers(10, 20))
        for row, y in enumerate(range(y0, y1, high)):
            self.line(x0, y, x1, y, shade(colour, 0.75))
            for x in range(x0 + (row % 2) * wide // 2, x1, wide):
                self.line(x, y, x, min(y + high, y1), shade(colour, 0.78))

    def tiles(self, horizon: int, names: str) -> None:
        """Fill the ground with tiles in perspective."""
        colour = self.image[horizon:] = self.tone(names)
        line = shade(colour, self.rng.uniform(0.7, 0.9))
        centre = self.rng.uniform(0, WIDTH)
        for i in range(-40, 41):
            self.line(centre + i * 24, horizon, centre + i * 90, HEIGHT, line)
        y, step = float(horizon), 3.0
        while y < HEIGHT:
            self.line(0, y, WIDTH, y, line)
            y, step = y + step, step * 1.3

    def leaves(self, top: int, bottom: int, colour: Colour,
               count: int) -> None:
        """Scatter round leaves over all columns between two rows."""
        for _ in range(count):
            cx = self.rng.uniform(0, WIDTH)
            cy = self.rng.uniform(top, bottom)
            cv2.circle(self.image, (int(cx), int(cy)),
                       int(self.rng.integers(3, 14)),
                       shade(colour, self.rng.uniform(0.7, 1.2)), -1)


def _flat(paint, rng, horizon):
    """Game-like: a plain wall or sky, a plain ground, a few blocks."""
    paint.image[:horizon] = paint.tone('sky silver beige mint white')
    for x in paint.columns(3, 8):
        wide = rng.integers(30, 110)
        top = horizon - rng.integers(20, 100)
        paint.box(x, top, x + wide, horizon,
                  'silver tan pale_denim green grey')
    paint.image[horizon:] = paint.tone('silver beige grey mint')


def _street(paint, rng, horizon):
    """House fronts with windows, a pavement, parked cars, posts."""
    for x, wide in paint.fronts(70, 200):
        wall = paint.tone('tan maroon brown grey beige charcoal silver', 25)
        draw = paint.bricks if rng.random() < 0.5 else paint.box
        draw(x, 0, x + wide, horizon, wall)
        glass = paint.tone('navy charcoal pale_denim mustard')
        step = int(rng.integers(26, 46))
        for wx in range(x + 8, x + wide - 18, step):
            for wy in range(6, horizon - 40, int(step * 1.3)):
                right, low = wx + step * 0.5, wy + step * 0.8
                paint.box(wx, wy, right, low, glass)
                paint.box(wx, low, right, low + 2, shade(wall, 1.25))
        if rng.random() < 0.6:
            door = x + int(rng.integers(wide))
            paint.box(door, horizon - 55, door + 26, horizon,
                      'black brown green red navy')
    paint.tiles(horizon, 'grey silver charcoal')
    for x in paint.columns(2, 6):  # cars
        y = horizon + 14
        colour = paint.tone('black white silver red navy grey')
        paint.poly([(x + 14, y - 26), (x + 24, y - 44), (x + 66, y - 44),
                    (x + 82, y - 26)], (70, 64, 58))
        paint.box(x, y - 28, x + 100, y - 8, colour)
        for wheel in (x + 20, x + 80):
            cv2.circle(paint.image, (wheel, y - 8), 9, (25, 25, 25), -1)
    for x in paint.columns(1, 6):
        paint.box(x, 0, x + int(rng.integers(2, 6)), horizon + 10,
                  'black charcoal silver')


def _mall(paint, rng, horizon):
    """Bright shop fronts, posters, columns, a shiny floor."""
    paint.image[:] = paint.tone('white beige silver')
    for x, wide in paint.fronts(50, 130):
        paint.box(x, 30, x + wide - 6, horizon,
                  'pale_denim charcoal beige mint tan')
        paint.box(x, 14, x + wide - 6, 30,
                  'red blue green orange black purple magenta yellow')
        for _ in range(int(rng.integers(3, 9))):
            gx, gy = x + rng.integers(wide), rng.integers(36, horizon)
            paint.box(gx, gy, gx + rng.integers(4, 18),
                      gy + rng.integers(6, 24), paint.tone())
    paint.tiles(horizon, 'white beige silver')
    for x in paint.columns(2, 5):
        paint.box(x, 0, x + 22, horizon + 16, 'white grey')
        paint.box(x + 15, 0, x + 22, horizon + 16, 'grey silver')


def _station(paint, rng, horizon):
    """A long wall with stripes and posters, a yellow safety line."""
    paint.bricks(0, 0, WIDTH, horizon,
                 paint.tone('grey silver teal khaki charcoal'))
    stripe = int(rng.integers(20, horizon - 30))
    paint.box(0, stripe, WIDTH, stripe + 9, 'red blue orange green black')
    for x in paint.columns(4, 10):
        y = int(rng.integers(10, 50))
        paint.box(x, y, x + 34, y + 48, 'white black')
        paint.box(x + 3, y + 3, x + 31, y + 30, paint.tone())
    paint.image[horizon:] = paint.tone('charcoal grey silver')
    paint.box(0, horizon + 16, WIDTH, horizon + 22, 'yellow white')
    for x in paint.columns(2, 6):
        paint.box(x, horizon - 24, x + 60, horizon - 18,
                  'brown black blue red')


def _park(paint, rng, horizon):
    """Trees, bushes, grass and a path."""
    paint.image[:] = paint.tone('sky silver white')
    paint.leaves(0, horizon - 10,
                 paint.tone('green olive mustard brown khaki'), 420)
    for x in paint.columns(5, 12):
        paint.box(x, 0, x + int(rng.integers(4, 14)), horizon + 8,
                  shade(paint.tone('brown charcoal'), 0.7))
    paint.leaves(horizon - 14, horizon, paint.tone('green olive brown'), 160)
    paint.image[horizon:] = paint.tone('olive green khaki tan grey')
    paint.leaves(horizon, HEIGHT, paint.image[-1, 0].tolist(), 260)
    if rng.random() < 0.7:
        paint.poly([(0, horizon + 25), (WIDTH, horizon + 12),
                    (WIDTH, HEIGHT), (0, HEIGHT - 10)],
                   paint.tone('tan silver grey beige'))


def _plaza(paint, rng, horizon):
    """Sky, far buildings, a hedge, bright paving."""
    paint.image[:horizon] = paint.tone('sky white pale_denim silver')
    for x in paint.columns(4, 10):
        wide = int(rng.integers(50, 150))
        top = int(rng.integers(0, horizon // 2))
        wall = paint.tone('beige tan white grey pale_denim')
        paint.box(x, top, x + wide, horizon, wall)
        for wy in range(top + 6, horizon - 12, 16):
            for wx in range(x + 4, x + wide - 8, 14):
                paint.box(wx, wy, wx + 7, wy + 9, shade(wall, 0.55))
    paint.leaves(horizon - 22, horizon, paint.tone('green olive'), 200)
    paint.tiles(horizon, 'beige silver tan grey')


SCENES = dict(flat=_flat, street=_street, mall=_mall, station=_station,
              park=_park, plaza=_plaza)
