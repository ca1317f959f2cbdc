"""Train, query and gallery of labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Optional

import numpy as np

from mmreidmix.checks import check_choice, name_some
from mmreidmix.datasets.query_choice import choose_queries, seen_by_two

if TYPE_CHECKING:
    import pyarrow

#: Ways to split: none trains on all images, all tests on all of them.
WAYS = ('none', 'identity', 'camera', 'time', 'all')


class Labels(NamedTuple):
    """Labels of N images as numbers.

    Attributes:
        pids (np.ndarray): (N,), -1 = unknown.
        camids (np.ndarray): (N,) numbers of the cameras.
        cameras (list[str]): their names.
        times (np.ndarray): (N,) seconds, NaN = unknown.
    """

    pids: np.ndarray
    camids: np.ndarray
    cameras: list[str]
    times: np.ndarray


def split_table(table: pyarrow.Table,
                way: str,
                share: float = 0.5,
                seed: int = 0,
                cameras: Sequence[str] = (),
                after: Optional[float] = None
                ) -> tuple[pyarrow.Table, dict[str, int]]:
    """Write the column 'subset' anew.

    The tested people are: a share of those whom two cameras see
    ('identity'), all who are seen by the tested cameras ('camera'), all who
    are seen after a time ('time'), or everybody ('all'). No image of them is
    trained on; images of theirs that are not tested (by other cameras,
    before that time) are left out. All other people are trained on, and
    images whose person is unknown, unless they are by a tested camera, of the
    tested time, or everybody is tested: those are left out.

    Queries are chosen by :func:`choose_queries`; all other tested images are
    the gallery.

    Args:
        table (pyarrow.Table): of a domain, N rows sorted by path.
        way (str): one of :data:`WAYS`.
        share (float): of the people that two cameras see who are tested, for
            'identity'; of the span of time, for 'time' without ``after``.
        seed (int): which people, for 'identity'.
        cameras (Sequence[str]): the tested cameras, for 'camera'.
        after (float, optional): the time in seconds, for 'time'.

    Returns:
        tuple: the table; counts of images by subset, 'left out' included.

    Raises:
        ValueError: an option is wrong, or nothing is left to train on or to
            test.
    """
    import pyarrow
    check_choice('import', WAYS, split=way)
    labels = _labels(table)
    num = len(labels.pids)
    if way == 'none':
        tested, used = np.zeros(num, bool), np.ones(num, bool)
    else:
        tested, used = _choose(labels, way, share, seed, cameras, after)
        _check_sides(labels, tested, used, way)
    query = tested & choose_queries(
        np.where(tested, labels.pids, -1), labels.camids)
    if way != 'none' and not query.any():
        raise ValueError(
            f'--split {way}: no tested person is seen by two cameras, so that '
            'no query would have a match in the gallery. Check the cameras '
            '(camid): with one camera alone there is nothing to test across')
    subset = np.where(used, np.where(
        query, 'query', np.where(tested, 'gallery', 'train')), '')
    column = table.column_names.index('subset')
    table = table.set_column(column, 'subset', pyarrow.array(subset.tolist()))
    return table, {name or 'left out': int((subset == name).sum())
                   for name in ('train', 'query', 'gallery', '')
                   if (subset == name).any()}


def _labels(table: pyarrow.Table) -> Labels:
    cameras = table['camid'].combine_chunks().dictionary_encode()
    times = np.array([np.nan if time is None else time
                      for time in table['time'].to_pylist()], float)
    return Labels(
        table['pid'].to_numpy(), cameras.indices.to_numpy(),
        cameras.dictionary.to_pylist(), times)


def _choose(labels: Labels, way: str, share: float, seed: int,
            cameras: Sequence[str], after: Optional[float]
            ) -> tuple[np.ndarray, np.ndarray]:
    """Which images are tested and which are used at all, both (N,)."""
    pids = labels.pids
    if not (pids >= 0).any():
        raise ValueError(f'--split {way} needs to know who is seen, but no '
                         'image has a pid; --split none trains on all images')
    if way == 'all':
        return pids >= 0, pids >= 0
    if way == 'identity':
        tested = np.isin(pids, _some_people(labels, share, seed))
        return tested, np.ones(len(pids), bool)
    aside = (_by_camera(labels, cameras) if way == 'camera'
             else _by_time(labels, share, after))
    people = np.unique(pids[aside & (pids >= 0)])
    theirs = np.isin(pids, people)
    # Whoever is not known on the tested side may be one of them.
    return theirs & aside, ~aside & ~theirs | aside & theirs


def _some_people(labels: Labels, share: float, seed: int) -> np.ndarray:
    """A share of the people whom two cameras see."""
    if not 0 < share < 1:
        raise ValueError(f'--test-share is {share}, expected a number between '
                         '0 and 1')
    people = seen_by_two(labels.pids, labels.camids)
    if len(people) < 2:
        raise ValueError(
            f'--split identity: {len(people):,} people are seen by two '
            'cameras or more, at least 2 are needed. Check the cameras '
            '(camid); --split none trains on all images')
    number = min(max(round(share * len(people)), 1), len(people) - 1)
    chosen = np.random.default_rng(seed).permutation(len(people))[:number]
    return people[chosen]


def _by_camera(labels: Labels, cameras: Sequence[str]) -> np.ndarray:
    wrong = sorted(set(cameras) - set(labels.cameras))
    if wrong or not 2 <= len(set(cameras)) < len(labels.cameras):
        raise ValueError(
            f'--test-cameras: {name_some(wrong or cameras)}; there are the '
            f'cameras {name_some(sorted(labels.cameras), 20)}. Name two or '
            'more of them, because a query is searched in other cameras, and '
            'not all, because there must be some to train on')
    return np.isin(labels.camids, [labels.cameras.index(c) for c in cameras])


def _by_time(labels: Labels, share: float,
             after: Optional[float]) -> np.ndarray:
    if np.isnan(labels.times).any():
        raise ValueError(
            f'--split time: {np.isnan(labels.times).sum():,} of '
            f'{len(labels.times):,} images have no time')
    if after is None:
        first, last = labels.times.min(), labels.times.max()
        after = last - share * (last - first)
    return labels.times >= after


def _check_sides(labels: Labels, tested: np.ndarray, used: np.ndarray,
                 way: str) -> None:
    if not tested.any():
        raise ValueError(f'--split {way}: no image is left to test')
    if way != 'all' and not (used & ~tested).any():
        raise ValueError(
            f'--split {way}: no image is left to train on, because each '
            'person is on the tested side too. --split all makes a set for '
            'tests alone')
