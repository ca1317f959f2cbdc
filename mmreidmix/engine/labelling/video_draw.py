"""Random videos of a single-camera domain."""

import math

import numpy as np


class VideoIndex:
    """Images of each video, and random draws of videos.

    Args:
        videos (np.ndarray): video of each image, shape (N,).

    Attributes:
        numbers (np.ndarray): the distinct videos, sorted.
        sizes (np.ndarray): images of each.
    """

    def __init__(self, videos: np.ndarray):
        self.numbers, self.sizes = np.unique(videos, return_counts=True)
        self._order = np.argsort(videos, kind='stable')
        self._ends = np.cumsum(self.sizes)

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
        """Images of some videos, given by their places in ``numbers``."""
        spans = [
            self._order[self._ends[v] - self.sizes[v]:self._ends[v]]
            for v in which
        ]
        return np.sort(np.concatenate(spans or [self._order[:0]]))


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

    #: Videos of the first round, as if each gave so many identities.
    FIRST_GUESS = 4

    def __init__(self, index: VideoIndex, need: int, max_images, rng):
        self.index, self.need = index, need
        order = rng.permutation(len(index))
        total = np.cumsum(index.sizes[order])
        allowed = len(order)
        if max_images is not None:
            allowed = max(1, int(np.searchsorted(total, max_images, 'right')))
        self.capped = allowed < len(order)
        self.order = order[:allowed]
        self.drawn = self.found = 0

    def next_round(self) -> np.ndarray:
        """Images of the next videos; none where it is over."""
        missing = self.need - self.found
        rate = (max(self.found, 1) / self.drawn if self.drawn else
                self.FIRST_GUESS)
        count = math.ceil(missing / rate) if missing > 0 else 0
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
