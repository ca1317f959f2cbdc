"""Short numbers for the images that are looked at."""

import numpy as np


class Numbers:
    """Numbers 0, 1, ... of a few of all images, which rise with the images.

    So a range of images stays one. A table, which takes 4 bytes per image:
    searching among the known ones takes longer than all the rest.
    """

    def __init__(self, num: int):
        self._table = np.zeros(num, np.int32)
        self.known = np.empty(0, np.int64)

    def restart(self, *images: np.ndarray) -> np.ndarray:
        """Number these images; returns them, each once, in rising order."""
        self._table[self.known] = 0
        for part in images:
            self._table[part.ravel()] = 1
        self.known = np.flatnonzero(self._table)
        self._table[self.known] = np.arange(1, len(self.known) + 1)
        return self.known

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Numbers of images, -1 where it has none."""
        return self._table[images] - 1
