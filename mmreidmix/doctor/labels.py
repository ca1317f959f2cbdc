"""What labels and names of files tell; no image is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Optional, Union

import numpy as np

from mmreidmix.datasets import BaseReIDDataset
from mmreidmix.toy.generator import SETTINGS_FILE

from .finding import MOST_EXAMPLES, Example, Finding
from .parts import Part, tested_pairs

#: An identity has too many images above this multiple of the median.
IMBALANCE = 10
#: Fewer images tell nothing about the numbers of their cameras.
_LEAST_IMAGES = 16


def check_labels(parts: Sequence[Part], cross_camera: bool = True,
                 configured: bool = True) -> list[Finding]:
    """All findings about labels, in less than a second for 100,000 images.

    Args:
        parts (Sequence[Part]): the data sets; the gallery of a tested domain
            follows its query.
        cross_camera (bool): whether the evaluation leaves images of the
            query's person and camera out.
        configured (bool): whether one run uses all parts. If not, training
            images that are test images by the definition of the data set are
            a note.
    """
    findings: list[Optional[Finding]] = []
    for part in parts:
        findings += [_counts(part), _cameras(part), *_tracklets(part)]
        if part.role == 'labelled':
            findings += _identities(part)
    findings += [_queries(query, gallery, cross_camera)
                 for query, gallery in tested_pairs(parts)]
    findings += _train_and_test(parts, configured)
    return [finding for finding in findings if finding]


def unmatched(findings: Iterable[Finding]) -> list[Finding]:
    """Those with which no score can be computed: no query has a match."""
    return [finding for finding in findings
            if finding.name == 'queries_without_match'
            and finding.count == finding.total]


def _counts(part: Part) -> Optional[Finding]:
    data = part.dataset
    differences = data.count_differences
    if not differences or data.name != data.canonical_name or (
            data.data_root / SETTINGS_FILE).is_file():
        return None  # called by a name of its own, or toy data
    return Finding('counts', 'warning', part.where, len(data),
                   data.expected[data.subset][0], detail=differences)


def _cameras(part: Part) -> Optional[Finding]:
    data = part.dataset
    cameras = len(np.unique(data.records.camids))
    if data.subset == 'query' or len(data) < _LEAST_IMAGES or (
            2 * cameras <= len(data)):
        return None
    return Finding(
        'camera_per_image',
        'warning' if part.role == 'unlabelled' else 'error', part.where,
        cameras, len(data), _images(data, range(len(data))))


def _tracklets(part: Part) -> list[Optional[Finding]]:
    data, records = part.dataset, part.dataset.records
    rows = np.flatnonzero(records.tracklets >= 0)
    if not len(rows):
        return []
    keys = _pairs(records.camids[rows], records.tracklets[rows])
    tracklets, first, group, sizes = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True)
    single = np.flatnonzero(sizes == 1)
    known = records.pids[rows] >= 0
    people = np.unique(_pairs(group[known], records.pids[rows][known]))
    mixed = np.flatnonzero(
        np.bincount(people >> 32, minlength=len(tracklets)) > 1)
    if 2 * len(mixed) > len(tracklets):
        mixed = mixed[:0]  # recordings, no tracks of one person
    return [
        _finding('tracklets_of_one_image', part, single, len(tracklets),
                 _images(data, rows[first[single[:MOST_EXAMPLES]]])),
        _finding('tracklets_of_several_people', part, mixed, len(tracklets),
                 _images(data, rows[first[mixed[:MOST_EXAMPLES]]]),
                 level='warning')]


def _identities(part: Part) -> list[Optional[Finding]]:
    data, records = part.dataset, part.dataset.records
    rows = known_rows(data)
    if not len(rows):
        return []
    pids, first, group, sizes = np.unique(
        records.pids[rows], return_index=True, return_inverse=True,
        return_counts=True)

    def examples(people: np.ndarray) -> list[Example]:
        return [Example((data.image_path(rows[first[i]]), ),
                        f'identity {pids[i]}, {sizes[i]:,} images')
                for i in people[:MOST_EXAMPLES]]

    seen = np.unique(_pairs(group, records.camids[rows]))
    cameras = np.bincount(seen >> 32, minlength=len(pids))
    one_camera = np.flatnonzero((cameras == 1) & (sizes > 1))
    if data.num_cams == 1:
        one_camera = one_camera[:0]  # the data set says so itself
    one_image = np.flatnonzero(sizes == 1)
    large = np.flatnonzero(sizes > IMBALANCE * np.median(sizes))
    return [
        _finding('identities_in_one_camera', part, one_camera, len(pids),
                 examples(one_camera)),
        _finding('identities_of_one_image', part, one_image, len(pids),
                 examples(one_image)),
        _finding('class_imbalance', part, large, len(pids), examples(large),
                 level='warning')]


def _finding(name: str, part: Part, found: np.ndarray, total: int,
             examples: Sequence[Example],
             level: str = '') -> Optional[Finding]:
    """A note, or a warning where it is true of more than half."""
    if not len(found):
        return None
    level = level or ('warning' if 2 * len(found) > total else 'note')
    return Finding(name, level, part.where, len(found), total, examples)


def _queries(query: BaseReIDDataset, gallery: BaseReIDDataset,
             cross_camera: bool) -> Optional[Finding]:
    wanted, there = query.records, gallery.records
    matches = _occurrences(wanted.pids, there.pids)
    if cross_camera:
        matches -= _occurrences(_pairs(wanted.pids, wanted.camids),
                                _pairs(there.pids, there.camids))
    alone = np.flatnonzero((matches == 0) | (wanted.pids < 0))
    if not len(alone):
        return None
    return Finding(
        'queries_without_match',
        'error' if len(alone) == len(query) else 'warning',
        f'{query.name} query', len(alone), len(query), _images(query, alone),
        "Images of the query's own camera do not count."
        if cross_camera else '')


def _train_and_test(parts: Sequence[Part],
                    configured: bool) -> list[Optional[Finding]]:
    """Images and identities on both sides, for each folder of images."""
    sides: dict[str, tuple[list, list]] = defaultdict(lambda: ([], []))
    for part in parts:
        sides[part.root][part.role == 'test'].append(part)
    findings: list[Optional[Finding]] = []
    for train, test in sides.values():
        if train and test:
            findings += _shared_images(train, test, configured)
    return findings


def _shared_images(train: Sequence[Part], test: Sequence[Part],
                   configured: bool) -> list[Optional[Finding]]:
    where = ', '.join(dict.fromkeys(p.dataset.name for p in (*train, *test)))
    tested = {path for part in test for path in _paths(part)}
    same, people, found = [], set(), 0
    for part in train:
        data = part.dataset
        rows = [i for i, path in enumerate(_paths(part)) if path in tested]
        same += _images(data, rows)
        people.update(data.records.pids[rows].tolist())
        found += len(rows)
    shared = (_known_pids(train) & _known_pids(test)) - people
    return [
        Finding('train_images_in_test', 'error' if configured else 'note',
                where, found, sum(len(p.dataset) for p in train),
                same[:MOST_EXAMPLES],
                '' if configured else 'The data set is defined so.')
        if found else None,
        Finding('identities_in_train_and_test', 'error', where, len(shared),
                len(_known_pids(test)), _pairs_of_people(train, test, shared))
        if shared else None]


def _pairs_of_people(train: Sequence[Part], test: Sequence[Part],
                     people: set) -> list[Example]:
    """A training and a test image of each of some identities."""
    return [
        Example((_image_of(train, pid), _image_of(test, pid)),
                f'identity {pid}')
        for pid in sorted(people)[:MOST_EXAMPLES]]


def _image_of(parts: Sequence[Part], pid: int) -> str:
    return next(
        part.dataset.image_path(row[0]) for part in parts
        for row in [np.flatnonzero(part.dataset.records.pids == pid)]
        if len(row))


def known_rows(data: BaseReIDDataset) -> np.ndarray:
    """Images with an identity; distractors have none."""
    pids = data.records.pids
    return np.flatnonzero(
        (pids >= 0) & ~np.isin(pids, list(data.distractor_pids)))


def _known_pids(parts: Sequence[Part]) -> set:
    return {pid for part in parts
            for pid in np.unique(part.dataset.records.pids[
                known_rows(part.dataset)]).tolist()}


def _paths(part: Part) -> list[bytes]:
    return list(part.dataset.records.paths)


def _images(data: BaseReIDDataset,
            rows: Union[Sequence[int], np.ndarray]) -> list[Example]:
    return [Example((data.image_path(int(i)), )) for i in rows[:MOST_EXAMPLES]]


def _pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One int64 for each pair of numbers, the first in the upper half."""
    return (first.astype(np.int64) << 32) + second.astype(np.int64)


def _occurrences(wanted: np.ndarray, there: np.ndarray) -> np.ndarray:
    """How often each wanted value is among those that are there."""
    values, counts = np.unique(there, return_counts=True)
    place = np.searchsorted(values, wanted).clip(max=len(values) - 1)
    return np.where(values[place] == wanted, counts[place], 0)


