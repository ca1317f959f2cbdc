"""Copies, near copies, and images unlike all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mmreidmix.neighbours import knn

from .finding import MOST_EXAMPLES, Example, Finding
from .images import GOOD, TEST, TRAIN, ImageTable

#: Least correlation of two near copies at 16 x 8 pixels. Of 20,000 real crops
#: the nearest of two people have 0.96; a photo saved once more has 0.99.
NEAR = 0.98
#: An image is unlike all others below this correlation with the nearest. The
#: least of 20,000 real crops is 0.31.
FAR = 0.28
#: Fewer images say nothing about what is usual.
LEAST_IMAGES = 64
# Near copies of one person by one camera are common in video.
_MANY = 0.1
_NEIGHBOURS = 8
# More images are searched approximately: near copies are found all the same.
_MOST_EXACT = 5000


class Pairs(NamedTuple):
    """Pairs of rows of an :class:`ImageTable`, the lower row first."""

    first: np.ndarray
    second: np.ndarray

    def select(self, mask: np.ndarray) -> Pairs:
        """Those under a boolean mask."""
        return Pairs(self.first[mask], self.second[mask])


def check_similar(table: ImageTable) -> list[Finding]:
    """Findings about images that are alike, or unlike all others."""
    good = np.flatnonzero(table.state == GOOD)
    _, first, place = np.unique(
        table.digest[good], return_index=True, return_inverse=True)
    leaders = good[first[place]]
    copies = leaders != good
    exact = Pairs(leaders[copies], good[copies])
    rows = np.sort(good[first])
    near, nearest = _search(table, rows)
    return [*_exact(table, exact), *_near(table, near),
            *_outliers(table, rows[nearest < FAR])]


def _search(table: ImageTable,
            rows: np.ndarray) -> tuple[Pairs, np.ndarray]:
    """Near copies among rows, and the correlation with the nearest of each."""
    if len(rows) < 2:
        return Pairs(rows[:0], rows[:0]), np.ones(len(rows))
    features = unit_vectors(table.small[rows])
    k = min(_NEIGHBOURS, len(rows))
    lists, similar = knn(
        features, k, backend='torch' if len(rows) <= _MOST_EXACT else 'ivf')
    own = np.repeat(np.arange(len(rows)), k - 1)
    other, alike = lists[:, 1:].ravel(), similar[:, 1:].ravel() >= NEAR
    pairs = np.stack([own[alike], other[alike]])
    pairs = np.unique(np.sort(pairs, axis=0), axis=1)
    nearest = similar[:, 1].astype(np.float64)
    for i in np.flatnonzero(nearest < FAR):  # the search may have missed one
        products = features @ features[i]
        products[i] = -1
        nearest[i] = products.max()
    return Pairs(rows[pairs[0]], rows[pairs[1]]), nearest


def unit_vectors(small: np.ndarray) -> np.ndarray:
    """Small images as vectors whose products are correlations.

    Args:
        small (np.ndarray): (N, D) uint8, none of one grey level alone.

    Returns:
        np.ndarray: (N, D) float16 of mean 0 and length 1.
    """
    vectors = np.empty(small.shape, np.float16)
    for first in range(0, len(small), 4096):
        part = small[first:first + 4096].astype(np.float32)
        part -= part.mean(axis=1, keepdims=True)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        vectors[first:first + 4096] = part
    return vectors


def _leaks(table: ImageTable, pairs: Pairs) -> np.ndarray:
    """Pairs of a training and a test image; an image may be no pair alone."""
    return table.sides[pairs.first] + table.sides[pairs.second] == (
        TRAIN + TEST)


def _exact(table: ImageTable, pairs: Pairs) -> Iterator[Finding]:
    leaks = _leaks(table, pairs)
    yield from _leak_findings(
        table, 'duplicates_in_train_and_test', 'error', pairs.select(leaks))
    pairs = pairs.select(~leaks)
    across = table.domains[pairs.first] != table.domains[pairs.second]
    yield from _across(
        table, 'duplicates_across_domains', pairs.select(across))
    pairs = pairs.select(~across)
    yield from _within(table, 'exact_duplicates', 'warning', pairs)


def _near(table: ImageTable, pairs: Pairs) -> Iterator[Finding]:
    leaks = _leaks(table, pairs)
    yield from _leak_findings(
        table, 'near_duplicates_in_train_and_test', 'warning',
        pairs.select(leaks))
    pairs = pairs.select(~leaks)
    across = table.domains[pairs.first] != table.domains[pairs.second]
    yield from _across(
        table, 'near_duplicates_across_domains', pairs.select(across))
    pairs = pairs.select(~across)
    people = _differ(table.pids, pairs)
    yield from _within(table, 'near_duplicates_of_other_identities',
                       'warning', pairs.select(people))
    cameras = ~people & _differ(table.camids, pairs)
    yield from _within(table, 'same_frame_in_cameras', 'warning',
                       pairs.select(cameras))
    for finding in _within(table, 'many_near_duplicates', 'note',
                           pairs.select(~people & ~cameras)):
        if finding.count > _MANY * finding.total:
            yield finding


def _differ(labels: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Pairs of known labels that are not the same."""
    first, second = labels[pairs.first], labels[pairs.second]
    return (first >= 0) & (second >= 0) & (first != second)


def _leak_findings(table: ImageTable, name: str, level: str,
                   pairs: Pairs) -> Iterator[Finding]:
    """Count test images, by the domains that are tested."""
    swap = table.sides[pairs.first] == TEST
    train = np.where(swap, pairs.second, pairs.first)
    test = np.where(swap, pairs.first, pairs.second)
    for domain in np.unique(table.domains[test]):
        own = table.domains[test] == domain
        total = (table.domains == domain) & (table.sides & TEST > 0)
        yield _finding(table, name, level, table.names[domain],
                       test[own], train[own], int(total.sum()))


def _across(table: ImageTable, name: str, pairs: Pairs) -> Iterator[Finding]:
    """Count images of the second domain, for each two domains."""
    first, second = table.domains[pairs.first], table.domains[pairs.second]
    for a, b in np.unique(np.stack([first, second]), axis=1).T:
        own = (first == a) & (second == b)
        yield _finding(table, name, 'warning',
                       f'{table.names[a]}, {table.names[b]}',
                       pairs.second[own], pairs.first[own],
                       int((table.domains == b).sum()))


def _within(table: ImageTable, name: str, level: str,
            pairs: Pairs) -> Iterator[Finding]:
    domains = table.domains[pairs.second]
    for domain in np.unique(domains):
        own = domains == domain
        yield _finding(table, name, level, table.names[domain],
                       pairs.second[own], pairs.first[own],
                       int((table.domains == domain).sum()))


def _finding(table: ImageTable, name: str, level: str, where: str,
             images: np.ndarray, like: np.ndarray, total: int) -> Finding:
    """Count different images; the first pair of some is shown."""
    images, first = np.unique(images, return_index=True)
    return Finding(
        name, level, where, len(images), total,
        [Example((table.address(row), table.address(like[i])))
         for row, i in zip(images[:MOST_EXAMPLES], first)])


def _outliers(table: ImageTable, rows: np.ndarray) -> Iterator[Finding]:
    if (table.state == GOOD).sum() < LEAST_IMAGES:
        return
    for position in np.unique(table.part[rows]):
        own = rows[table.part[rows] == position]
        yield Finding(
            'unlike_all_others', 'warning', table.parts[position].where,
            len(own), int((table.part == position).sum()),
            [Example((table.address(row), )) for row in own[:MOST_EXAMPLES]])
