"""Tracklets as one vector each: the mean of their images."""

import numpy as np

from .flat_search import Found, best_of, exact_search, merged
from .memory_table import Rows
from .vectors import Vectors

# Images that are summed up at once, more if a tracklet has more.
_ROWS = 1 << 14


class TrackletMeans:
    """Search by tracklet; the means are kept until the rows change.

    A mean is that of the embeddings, made of length 1 again.

    Args:
        rows (Rows): the images.
    """

    def __init__(self, rows: Rows):
        self.rows = rows
        self._version = None
        self._all = None

    def search(self, queries: np.ndarray, k: int,
               mask: np.ndarray) -> list[Found]:
        """The k most similar tracklets of every query.

        Args:
            queries (np.ndarray): (Q, D) float32 of length 1.
            k (int): fewer are found where fewer pass.
            mask (np.ndarray): (N,) bool, images that pass. Only they are in
                the mean of their tracklet.

        Returns:
            list[Found]: positions are those of the image of the tracklet
            that is the most similar to the query; scores and vectors those
            of the mean.
        """
        if self._version != self.rows.version:
            self._all = None  # not two of them at once
            self._all = _Pooled(self.rows, np.flatnonzero(
                self.rows.live & (self.rows.meta['tracklet'] >= 0)))
            self._version = self.rows.version
        passing = self._all.count(mask)
        whole = passing == self._all.sizes
        found = self._best(self._all, queries, k, whole)
        parts = self._all.positions[
            np.repeat((passing > 0) & ~whole, self._all.sizes)]
        parts = np.sort(parts[mask[parts]])
        if not len(parts):
            return found
        pooled = _Pooled(self.rows, parts)
        other = self._best(pooled, queries, k, np.ones(len(pooled.sizes),
                                                       bool))
        return [merged(a, b, k) for a, b in zip(found, other)]

    def _best(self, pooled, queries, k, which):
        """Search means, and find the image that stands for each."""
        found = exact_search(pooled.means, queries, k, which)
        return [own._replace(positions=np.array([
            best_of(self.rows.vectors, query, pooled.members(number),
                    1).positions[0]
            for number in own.positions], np.int64))
            for query, own in zip(queries, found)]


class _Pooled:
    """Means of the tracklets of some images.

    Attributes:
        means (Vectors): (T, D), by rising number of the tracklet.
        positions (np.ndarray): (n,) of the images, tracklet by tracklet.
        sizes (np.ndarray): (T,) images of each.

    Args:
        rows (Rows): the images.
        positions (np.ndarray): (n,) rising, those that are pooled.
    """

    def __init__(self, rows: Rows, positions: np.ndarray):
        tracklets = rows.meta['tracklet'][positions]
        order = np.argsort(tracklets, kind='stable')
        self.positions = positions[order]
        tracklets = tracklets[order]
        self._starts = np.append(np.flatnonzero(np.diff(
            tracklets, prepend=-1)), len(tracklets))
        self.sizes = np.diff(self._starts)
        self.means = Vectors(rows.vectors.dim)
        first = 0
        while first < len(self._starts) - 1:
            last = int(np.searchsorted(
                self._starts, self._starts[first] + _ROWS, 'right')) - 1
            last = max(first + 1, last)
            self._pool(rows.vectors, first, last)
            first = last

    def count(self, mask: np.ndarray) -> np.ndarray:
        """Images of each tracklet that are in a mask, (T,)."""
        ends = np.append(0, np.cumsum(mask[self.positions]))[self._starts]
        return np.diff(ends)

    def members(self, number: int) -> np.ndarray:
        """Positions of the pooled images of a tracklet."""
        return self.positions[self._starts[number]:self._starts[number + 1]]

    def _pool(self, vectors, first, last):
        begin, end = self._starts[first], self._starts[last]
        sums = np.add.reduceat(
            vectors.take(self.positions[begin:end]),
            self._starts[first:last] - begin, axis=0, dtype=np.float64)
        # Opposite embeddings have no mean direction; 0 is like no query.
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        done = 0
        for place in self.means.room(last - first):
            place[:] = sums[done:done + len(place)]
            done += len(place)
        self.means.append(last - first)
