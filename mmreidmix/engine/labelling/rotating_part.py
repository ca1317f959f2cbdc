"""The part of a large domain whose turn it is."""

import numpy as np


def rotating_part(tracklets: np.ndarray, max_images: int, turn: int,
                  seed: int) -> np.ndarray:
    """Images of one part of a domain; each has its turn once in a round.

    The domain is cut at random into parts of equal size, anew in each round.
    Images of a tracklet stay together: they show one person.

    Args:
        tracklets (np.ndarray): (N,) tracklet of each image, -1 = none.
        max_images (int): of a part; tracklets at its ends may add a few.
        turn (int): 0, 1, ... counts the parts that are taken.
        seed (int): the same parts come from the same seed.

    Returns:
        np.ndarray: (n,) images in rising order.
    """
    num = len(tracklets)
    parts = number_of_parts(num, max_images)
    turns, part = divmod(turn, parts)
    alone = np.where(tracklets < 0, -1 - np.arange(num), tracklets)
    _, units, sizes = np.unique(
        alone, return_inverse=True, return_counts=True)
    order = np.random.default_rng([seed, turns]).permutation(len(sizes))
    begins = np.empty(len(sizes), np.int64)
    begins[order] = np.cumsum(sizes[order]) - sizes[order]
    return np.flatnonzero((begins * parts // num)[units] == part)


def number_of_parts(num: int, max_images: int) -> int:
    """How many parts a domain of so many images has."""
    return max(1, -(-num // max_images))
