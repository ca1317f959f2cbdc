"""Identities: what stays the same on a person from camera to camera."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Optional

import numpy as np

from .canvas import Colour
from .styles import COLOURS, HAIR_COLOURS, SKINS, STYLES, Style

HAIR = dict(short=5, buzz=1.5, bald=.7, bob=2.5, long=3, ponytail=2, bun=1,
            afro=.8, side=1.5)
SHOE_COLOURS = dict(black=4, white=3, brown=2, grey=1.5, red=1, navy=1, tan=1)
BAG_COLOURS = dict(black=4, navy=1.5, brown=2, red=1.5, grey=1.5, olive=1,
                   blue=1, pink=.7, beige=1, orange=.7, teal=1)
INNER_COLOURS = dict(white=4, grey=2, black=1, red=1, sky=1, pink=1)
HAIR_SHARES = dict(black=4, dark=4, brown=2.5, auburn=1, blond=2, grey=1,
                   white=.5, red=.6)


@dataclass(frozen=True)
class Person:
    """Appearance of one identity; lengths in units of an average body."""

    height: float
    girth: float
    shoulders: float
    hips: float
    skin: Colour
    hair: str
    hair_colour: Colour
    hat: str
    hat_colour: Colour
    beard: bool
    glasses: bool
    upper: str
    pattern: str
    pattern_scale: float
    upper_colour: Colour
    second_colour: Colour
    inner_colour: Colour
    lower: str
    lower_colour: Colour
    side_stripe: bool
    shoes: str
    shoe_colour: Colour
    bag: str
    bag_colour: Colour
    bag_side: int
    scarf: Optional[Colour]
    stride: float

    @property
    def skirt(self) -> Optional[str]:
        """The kind of skirt, that of a dress included, or None."""
        if self.upper == 'dress':
            return 'dress'
        return self.lower if self.lower in ('skirt', 'longskirt') else None


def pick(rng: np.random.Generator, weights: dict) -> str:
    """Draw a key of ``weights`` with probability proportional to its value."""
    left = rng.random() * sum(weights.values())
    for name, weight in weights.items():
        if left < weight:
            return name
        left -= weight
    return name


def _vary(rng, rgb, amount=14) -> Colour:
    """BGR colour near an RGB one: overall brightness and hue both move."""
    level = 1 + 0.12 * rng.uniform(-1, 1)
    shift = rng.uniform(-amount, amount, 3)
    return tuple(
        float(min(max(c * level + d, 6), 250))
        for c, d in zip(rgb[::-1], shift))


def _contrast(rng, weights, base: Colour) -> Colour:
    """A wardrobe colour that can be told from ``base``."""
    for _ in range(8):
        colour = _vary(rng, COLOURS[pick(rng, weights)])
        if sum(abs(a - b) for a, b in zip(colour, base)) > 150:
            break
    return colour


def sample_person(rng: np.random.Generator, style: Style) -> Person:
    """Draw a new identity from the wardrobe of a style."""
    mature = rng.random() < 0.5  # broad shoulders, narrower hips
    upper_colour = _vary(rng, COLOURS[pick(rng, style.upper_colours)])
    lower_colour = _vary(rng, COLOURS[pick(rng, style.lower_colours)])
    upper = pick(rng, style.uppers)
    hair = dict(HAIR)
    for name in ('long', 'ponytail', 'bob', 'bun'):
        hair[name] *= 0.15 if mature else 1.6
    skin = pick(rng, dict(enumerate(style.skins)))
    if upper == 'dress' and mature:
        upper = 'longsleeve'
    lower = pick(rng, style.lowers)
    if lower in ('skirt', 'longskirt') and mature:
        lower = 'trousers'
    accents = dict(style.upper_colours, white=3, black=2, red=1.5, yellow=1)
    return Person(
        height=float(rng.uniform(0.92, 1.04)),
        girth=float(rng.choice([0.86, 0.95, 1.03, 1.16, 1.32])),
        shoulders=1.08 if mature else 0.95,
        hips=0.95 if mature else 1.08,
        skin=_vary(rng, SKINS[skin], 6),
        hair=pick(rng, hair),
        hair_colour=_vary(rng, HAIR_COLOURS[pick(rng, HAIR_SHARES)], 8),
        hat=pick(rng, style.hats),
        hat_colour=_vary(rng, COLOURS[pick(rng, accents)]),
        beard=bool(mature and rng.random() < 0.25),
        glasses=bool(rng.random() < 0.2),
        upper=upper,
        pattern=pick(rng, style.patterns),
        pattern_scale=float(rng.uniform(0.7, 1.6)),
        upper_colour=upper_colour,
        second_colour=_contrast(rng, accents, upper_colour),
        inner_colour=_contrast(rng, INNER_COLOURS, upper_colour),
        lower=lower,
        lower_colour=lower_colour,
        side_stripe=bool(rng.random() < 0.15),
        shoes=pick(rng, style.shoes),
        shoe_colour=_vary(rng, COLOURS[pick(rng, SHOE_COLOURS)]),
        bag=pick(rng, style.bags),
        bag_colour=_contrast(rng, BAG_COLOURS, upper_colour),
        bag_side=1 if rng.random() < 0.5 else -1,
        scarf=(_contrast(rng, accents, upper_colour)
               if rng.random() < style.scarf else None),
        stride=float(rng.uniform(0.32, 0.55)))


@lru_cache(maxsize=4096)
def person_of(seed: int, style: str, number: int) -> Person:
    """The identity with this number; depends on nothing else."""
    config = STYLES[style]
    rng = np.random.default_rng([seed, config.index, number, 0x1D])
    return sample_person(rng, config)
