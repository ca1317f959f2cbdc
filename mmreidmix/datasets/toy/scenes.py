"""Background scenes of the cameras, each larger than any crop."""

from functools import lru_cache

import cv2
import numpy as np

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
    kind = pick(rng, style.scenes)
    horizon = int(HEIGHT * rng.uniform(0.42, 0.66))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    SCENES[kind](rng, image, horizon)
    if not style.folds:  # clean rendering
        return image
    texture = cv2.resize(
        window(rng, 'cloud', 256, 512), (WIDTH, HEIGHT))[..., None]
    grain = window(rng, 'grain', HEIGHT, WIDTH)[..., :1]
    result = image * (1 + 0.06 * texture) + 3 * grain
    return np.clip(result, 0, 255).astype(np.uint8)


def _tone(rng, *names, spread=18):
    rgb = COLOURS[names[int(rng.integers(len(names)))]]
    return tuple(
        float(np.clip(c + rng.uniform(-spread, spread), 5, 250))
        for c in rgb[::-1])


def _box(image, x0, y0, x1, y1, colour):
    cv2.rectangle(image, (int(x0), int(y0)), (int(x1), int(y1)), colour, -1)


def _dim(colour, factor):
    return tuple(min(c * factor, 255) for c in colour)


def _tiles(rng, image, horizon, colour):
    """A floor of tiles in perspective."""
    image[horizon:] = colour
    line = _dim(colour, rng.uniform(0.7, 0.9))
    centre = rng.uniform(0, WIDTH)
    for i in range(-40, 41):
        cv2.line(image, (int(centre + i * 24), horizon),
                 (int(centre + i * 90), HEIGHT), line, 1)
    y, step = float(horizon), 3.0
    while y < HEIGHT:
        cv2.line(image, (0, int(y)), (WIDTH, int(y)), line, 1)
        y, step = y + step, step * 1.3


def _flat(rng, image, horizon):
    """Game-like: a plain wall or sky, a plain ground, a few blocks."""
    image[:horizon] = _tone(rng, 'sky', 'silver', 'beige', 'mint', 'white')
    for _ in range(int(rng.integers(3, 8))):
        x, wide = rng.integers(WIDTH), rng.integers(30, 110)
        top = horizon - rng.integers(20, 100)
        _box(image, x, top, x + wide, horizon,
             _tone(rng, 'silver', 'tan', 'pale_denim', 'green', 'grey'))
    image[horizon:] = _tone(rng, 'silver', 'beige', 'grey', 'mint')


def _bricks(rng, image, x0, y0, x1, y1, colour):
    _box(image, x0, y0, x1, y1, colour)
    high, wide = int(rng.integers(5, 9)), int(rng.integers(10, 20))
    for row, y in enumerate(range(int(y0), int(y1), high)):
        cv2.line(image, (int(x0), y), (int(x1), y), _dim(colour, 0.75), 1)
        for x in range(int(x0) + (row % 2) * wide // 2, int(x1), wide):
            cv2.line(image, (x, y), (x, min(y + high, int(y1))),
                     _dim(colour, 0.78), 1)


def _street(rng, image, horizon):
    """House fronts with windows, a pavement, parked cars, posts."""
    x = 0
    while x < WIDTH:
        wide = int(rng.integers(70, 200))
        wall = _tone(rng, 'tan', 'maroon', 'brown', 'grey', 'beige',
                     'charcoal', 'silver', spread=25)
        if rng.random() < 0.5:
            _bricks(rng, image, x, 0, x + wide, horizon, wall)
        else:
            _box(image, x, 0, x + wide, horizon, wall)
        glass = _tone(rng, 'navy', 'charcoal', 'pale_denim', 'mustard')
        step = int(rng.integers(26, 46))
        for wx in range(x + 8, x + wide - 18, step):
            for wy in range(6, horizon - 40, int(step * 1.3)):
                _box(image, wx, wy, wx + step * 0.5, wy + step * 0.8, glass)
                _box(image, wx, wy + step * 0.8, wx + step * 0.5,
                     wy + step * 0.8 + 2, _dim(wall, 1.25))
        if rng.random() < 0.6:
            door = x + int(rng.integers(wide))
            _box(image, door, horizon - 55, door + 26, horizon,
                 _tone(rng, 'black', 'brown', 'green', 'red', 'navy'))
        x += wide
    _tiles(rng, image, horizon, _tone(rng, 'grey', 'silver', 'charcoal'))
    for _ in range(int(rng.integers(2, 6))):
        _car(rng, image, int(rng.integers(WIDTH)), horizon + 14)
    for _ in range(int(rng.integers(1, 6))):
        x = int(rng.integers(WIDTH))
        _box(image, x, 0, x + int(rng.integers(2, 6)), horizon + 10,
             _tone(rng, 'black', 'charcoal', 'silver'))


def _car(rng, image, x, y):
    colour = _tone(rng, 'black', 'white', 'silver', 'red', 'navy', 'grey')
    roof = np.array([(x + 14, y - 26), (x + 24, y - 44), (x + 66, y - 44),
                     (x + 82, y - 26)])
    cv2.fillPoly(image, [roof.astype(np.int32)], (70, 64, 58))
    _box(image, x, y - 28, x + 100, y - 8, colour)
    for wheel in (x + 20, x + 80):
        cv2.circle(image, (wheel, y - 8), 9, (25, 25, 25), -1)


def _mall(rng, image, horizon):
    """Bright shop fronts, posters, columns, a shiny floor."""
    image[:] = _tone(rng, 'white', 'beige', 'silver')
    x = 0
    while x < WIDTH:
        wide = int(rng.integers(50, 130))
        _box(image, x, 30, x + wide - 6, horizon,
             _tone(rng, 'pale_denim', 'charcoal', 'beige', 'mint', 'tan'))
        _box(image, x, 14, x + wide - 6, 30,
             _tone(rng, 'red', 'blue', 'green', 'orange', 'black', 'purple',
                   'magenta', 'yellow'))
        for _ in range(int(rng.integers(3, 9))):
            gx, gy = x + rng.integers(wide), rng.integers(36, horizon)
            _box(image, gx, gy, gx + rng.integers(4, 18),
                 gy + rng.integers(6, 24),
                 _tone(rng, *COLOURS))
        x += wide
    _tiles(rng, image, horizon, _tone(rng, 'white', 'beige', 'silver'))
    for _ in range(int(rng.integers(2, 5))):
        x = int(rng.integers(WIDTH))
        _box(image, x, 0, x + 22, horizon + 16, _tone(rng, 'white', 'grey'))
        _box(image, x + 15, 0, x + 22, horizon + 16,
             _tone(rng, 'grey', 'silver'))


def _station(rng, image, horizon):
    """A long wall with stripes and posters, a yellow safety line."""
    wall = _tone(rng, 'grey', 'silver', 'teal', 'khaki', 'charcoal')
    _bricks(rng, image, 0, 0, WIDTH, horizon, wall)
    stripe = int(rng.integers(20, horizon - 30))
    _box(image, 0, stripe, WIDTH, stripe + 9,
         _tone(rng, 'red', 'blue', 'orange', 'green', 'black'))
    for _ in range(int(rng.integers(4, 10))):
        x, y = int(rng.integers(WIDTH)), int(rng.integers(10, 50))
        _box(image, x, y, x + 34, y + 48, _tone(rng, 'white', 'black'))
        _box(image, x + 3, y + 3, x + 31, y + 30, _tone(rng, *COLOURS))
    image[horizon:] = _tone(rng, 'charcoal', 'grey', 'silver')
    _box(image, 0, horizon + 16, WIDTH, horizon + 22,
         _tone(rng, 'yellow', 'white'))
    for _ in range(int(rng.integers(2, 6))):
        x = int(rng.integers(WIDTH))
        _box(image, x, horizon - 24, x + 60, horizon - 18,
             _tone(rng, 'brown', 'black', 'blue', 'red'))


def _leaves(rng, image, x0, y0, x1, y1, colour, count):
    for _ in range(count):
        cx, cy = rng.uniform(x0, x1), rng.uniform(y0, y1)
        cv2.circle(image, (int(cx), int(cy)), int(rng.integers(3, 14)),
                   _dim(colour, rng.uniform(0.7, 1.2)), -1)


def _park(rng, image, horizon):
    """Trees, bushes, grass and a path."""
    image[:] = _tone(rng, 'sky', 'silver', 'white')
    leaf = _tone(rng, 'green', 'olive', 'mustard', 'brown', 'khaki')
    _leaves(rng, image, 0, 0, WIDTH, horizon - 10, leaf, 420)
    for _ in range(int(rng.integers(5, 12))):
        x = int(rng.integers(WIDTH))
        _box(image, x, 0, x + int(rng.integers(4, 14)), horizon + 8,
             _dim(_tone(rng, 'brown', 'charcoal'), 0.7))
    _leaves(rng, image, 0, horizon - 14, WIDTH, horizon,
            _tone(rng, 'green', 'olive', 'brown'), 160)
    image[horizon:] = _tone(rng, 'olive', 'green', 'khaki', 'tan', 'grey')
    _leaves(rng, image, 0, horizon, WIDTH, HEIGHT,
            tuple(float(c) for c in image[-1, 0]), 260)
    if rng.random() < 0.7:
        path = np.array([(0, horizon + 25), (WIDTH, horizon + 12),
                         (WIDTH, HEIGHT), (0, HEIGHT - 10)])
        cv2.fillPoly(image, [path.astype(np.int32)],
                     _tone(rng, 'tan', 'silver', 'grey', 'beige'))


def _plaza(rng, image, horizon):
    """Sky, far buildings, a hedge, bright paving."""
    image[:horizon] = _tone(rng, 'sky', 'white', 'pale_denim', 'silver')
    for _ in range(int(rng.integers(4, 10))):
        x, wide = int(rng.integers(WIDTH)), int(rng.integers(50, 150))
        top = int(rng.integers(0, horizon // 2))
        wall = _tone(rng, 'beige', 'tan', 'white', 'grey', 'pale_denim')
        _box(image, x, top, x + wide, horizon, wall)
        for wy in range(top + 6, horizon - 12, 16):
            for wx in range(x + 4, x + wide - 8, 14):
                _box(image, wx, wy, wx + 7, wy + 9, _dim(wall, 0.55))
    _leaves(rng, image, 0, horizon - 22, WIDTH, horizon,
            _tone(rng, 'green', 'olive'), 200)
    _tiles(rng, image, horizon,
           _tone(rng, 'beige', 'silver', 'tan', 'grey'))


SCENES = dict(flat=_flat, street=_street, mall=_mall, station=_station,
              park=_park, plaza=_plaza)
