"""Search by tracklet: one vector each, the mean of its images."""

from typing import Optional

import numpy as np

from .flat_search import Neighbours, exact_search, merge, nearest
from .image_table import ImageTable
from .vectors import Vectors

# Images that are summed up at once, more if a tracklet has more.
_ROWS = 1 << 14


class TrackletSearch:
    """Searches tracklets; their means are kept until the images change.

    A mean is that of the embeddings, made of length 1 again.
    """

    def __init__(self, images: ImageTable):
        self.images = images
        self._version: Optional[int] = None
        self._all: Optional[_Means] = None

    def search(self, queries: np.ndarray, k: int,
               mask: np.ndarray) -> list[Neighbours]:
        """Find the k most similar tracklets of every query.

        Only images in the mask are in the mean of their tracklet.

        Returns:
            list[Neighbours]: positions are those of the image of the tracklet
            that is the most similar to the query; scores and vectors those
            of the mean.
        """
        if self._version != self.images.version:
            self._all = None  # not two of them at once
            self._all = _Means(self.images, np.flatnonzero(
                self.images.live & (self.images.meta['tracklet'] >= 0)))
            self._version = self.images.version
        means = self._all
        passing = means.count(mask)
        whole = passing == means.sizes
        found = self._search(means, queries, k, whole)
        partial = means.positions[
            np.repeat((passing > 0) & ~whole, means.sizes)]
        partial = np.sort(partial[mask[partial]])
        if not len(partial):
            return found
        means = _Means(self.images, partial)
        other = self._search(means, queries, k, np.ones(len(means.sizes),
                                                        bool))
        return [merge(a, b, k) for a, b in zip(found, other)]

    def _search(self, means: '_Means', queries: np.ndarray, k: int,
                mask: np.ndarray) -> list[Neighbours]:
        """Search means, and find the image that stands for each."""
        found = exact_search(means.vectors, queries, k, mask)
        return [own._replace(positions=np.array([
            nearest(self.images.vectors, query, means.members(number),
                    1).positions[0]
            for number in own.positions], np.int64))
            for query, own in zip(queries, found)]


class _Means:
    """Means of the tracklets of some images.

    Attributes:
        vectors (Vectors): (T, D), by rising number of the tracklet.
        positions (np.ndarray): (n,) of the images, tracklet by tracklet.
        sizes (np.ndarray): (T,) images of each.

    Args:
        images (ImageTable): what the gallery holds.
        positions (np.ndarray): rising, of the images that are averaged.
    """

    def __init__(self, images: ImageTable, positions: np.ndarray):
        tracklets = images.meta['tracklet'][positions]
        order = np.argsort(tracklets, kind='stable')
        self.positions = positions[order]
        tracklets = tracklets[order]
        self._starts = np.append(np.flatnonzero(np.diff(
            tracklets, prepend=-1)), len(tracklets))
        self.sizes = np.diff(self._starts)
        self.vectors = Vectors(images.vectors.dim)
        first = 0
        while first < len(self._starts) - 1:
            last = int(np.searchsorted(
                self._starts, self._starts[first] + _ROWS, 'right')) - 1
            last = max(first + 1, last)
            self._average(images.vectors, first, last)
            first = last

    def count(self, mask: np.ndarray) -> np.ndarray:
        """Images of each tracklet that are in a mask, (T,)."""
        ends = np.append(0, np.cumsum(mask[self.positions]))[self._starts]
        return np.diff(ends)

    def members(self, number: int) -> np.ndarray:
        """Positions of the images of a tracklet."""
        return self.positions[self._starts[number]:self._starts[number + 1]]

    def _average(self, vectors: Vectors, first: int, last: int) -> None:
        begin, end = self._starts[first], self._starts[last]
        sums = np.add.reduceat(
            vectors.take(self.positions[begin:end]),
            self._starts[first:last] - begin, axis=0, dtype=np.float64)
        # Opposite embeddings have no mean direction; 0 is like no query.
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        self.vectors.extend(sums)
