"""Random videos of a single-camera domain."""

import math
from typing import Optional

import numpy as np


class VideoIndex:
    """Images of each video.

    Args:
        videos (np.ndarray): (N,) video of each image.

    Attributes:
        numbers (np.ndarray): the distinct videos, sorted.
        sizes (np.ndarray): images of each.
    """

    def __init__(self, videos: np.ndarray):
        self.numbers, self._places, self.sizes = np.unique(
            videos, return_inverse=True, return_counts=True)

    def __len__(self) -> int:
        return len(self.numbers)

    def summary(self) -> str:
        """How many videos there are, and of what sizes."""
        text = (f'{len(self):,} videos of {self.sizes.min():,} to '
                f'{self.sizes.max():,} images, {(self.sizes == 1).sum():,} of '
                'a single image, which can not be clustered')
        if len(self) > 1:
            return text
        return f'{text}; all images count as one video'

    def images(self, which: np.ndarray) -> np.ndarray:
        """Images of videos that are given by their places in ``numbers``."""
        return np.flatnonzero(np.isin(self._places, which))


class VideoDraw:
    """Draws videos in rounds until they have given enough identities.

    No video is drawn twice. The number of videos of a round follows from what
    the rounds before it gave, so that few rounds are needed and few images
    are embedded in vain.

    Args:
        index (VideoIndex): the videos.
        need (int): identities wanted.
        max_images (int, optional): no more images are drawn, but at least one
            video.
        rng (np.random.Generator): source of the order.

    Attributes:
        drawn (int): videos so far.
        found (int): identities that all rounds have given; to be set after
            each of them.
    """

    #: Identities that each video of the first round is assumed to give.
    FIRST_GUESS = 4

    def __init__(self, index: VideoIndex, need: int, max_images: Optional[int],
                 rng: np.random.Generator):
        self.index, self.need = index, need
        self.order = rng.permutation(len(index))
        self.capped = False
        if max_images is not None:
            total = np.cumsum(index.sizes[self.order])
            allowed = max(1, int(np.searchsorted(total, max_images, 'right')))
            self.capped = allowed < len(self.order)
            self.order = self.order[:allowed]
        self.drawn = self.found = 0

    def next_round(self) -> np.ndarray:
        """Images of the next videos; none when enough or all are drawn."""
        missing = max(0, self.need - self.found)
        rate = max(self.found, 1) / self.drawn if self.drawn else (
            self.FIRST_GUESS)
        count = math.ceil(missing / rate)
        which = self.order[self.drawn:self.drawn + count]
        self.drawn += len(which)
        return self.index.images(which)

    @property
    def reason(self) -> str:
        """Why no more videos are drawn."""
        if self.found >= self.need:
            return 'the need of the epoch is met'
        if self.capped:
            return 'max_images is reached'
        return 'there are no more videos'
