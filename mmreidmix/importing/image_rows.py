"""Images of a source and what it says of them, checked row by row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

from mmreidmix.checks import name_some
from mmreidmix.times import parse_time

if TYPE_CHECKING:
    import pyarrow

#: What a source can say of an image, in texts; '' = it does not.
FIELDS = ('pid', 'camid', 'tracklet', 'time', 'subset', 'flag')
#: Words for the parts of a data set, and what they mean here.
SUBSET_WORDS = {
    'train': 'train', 'training': 'train', 'bounding_box_train': 'train',
    'query': 'query', 'probe': 'query', 'gallery': 'gallery',
    'bounding_box_test': 'gallery', '': ''
}
_FLAG_WORDS = {'': '', '-': '', 'junk': 'junk', 'distractor': 'distractor'}
_UNKNOWN = ('', '-1')
_NUMBER = re.compile(r'-?\d+(\.0+)?')
_LARGEST = 2**31 - 1


@dataclass
class ImageRows:
    """N images of a source.

    Attributes:
        paths (list[str]): relative to the folder of images, '/' between the
            parts.
        fields (dict[str, Sequence[str]]): some of :data:`FIELDS`, N texts
            each. A field that the source does not have is absent.
        where (Callable): number of a row -> what messages call it.
        more (dict[str, Sequence]): other columns to keep.
    """

    paths: Sequence[str]
    fields: Mapping[str, Sequence[str]]
    where: Callable[[int], str]
    more: Mapping[str, Sequence] = field(default_factory=dict)


def to_table(rows: ImageRows) -> pyarrow.Table:
    """Check the rows; the table of a domain, sorted by path.

    Raises:
        ValueError: there is no image, or a row is wrong: it is named.
    """
    import pyarrow
    if not rows.paths:
        raise ValueError('there is no image to import')
    _check_twice(rows)
    pids, people = _pids(rows)
    columns = dict(
        path=pyarrow.array(rows.paths, pyarrow.string()),
        subset=_words(rows, 'subset', SUBSET_WORDS, 'train'),
        pid=pyarrow.array(pids, pyarrow.int32()),
        camid=pyarrow.array(_cameras(rows), pyarrow.string()),
        tracklet=pyarrow.array(_texts(rows, 'tracklet'), pyarrow.string()),
        time=pyarrow.array(
            [_time(text, rows.where(i))
             for i, text in enumerate(_texts(rows, 'time'))],
            pyarrow.float64()),
        flag=_words(rows, 'flag', _FLAG_WORDS, ''))
    if people is not None:
        columns['person'] = pyarrow.array(people, pyarrow.string())
    columns.update((name, pyarrow.array(values))
                   for name, values in rows.more.items())
    # By bytes, as data sets sort their paths.
    order = sorted(range(len(pids)), key=lambda i: rows.paths[i].encode(
        'utf-8', 'surrogateescape'))
    return pyarrow.table(columns).take(order)


def _texts(rows: ImageRows, name: str) -> list[str]:
    values = rows.fields.get(name)
    if values is None:
        return [''] * len(rows.paths)
    return [value.strip() for value in values]


def _check_twice(rows: ImageRows) -> None:
    first: dict[str, int] = {}
    for i, path in enumerate(rows.paths):
        other = first.setdefault(path, i)
        if other != i:
            raise ValueError(
                f'{rows.where(i)}: the image {path!r} is named a second time, '
                f'the first is {rows.where(other)}; one row per image')


def _words(rows: ImageRows, name: str, words: Mapping[str, str],
           absent: str) -> list[str]:
    if name not in rows.fields:
        return [absent] * len(rows.paths)
    found = []
    for i, text in enumerate(_texts(rows, name)):
        if text.lower() not in words:
            raise ValueError(f'{rows.where(i)}: {name} is {text!r}, expected '
                             f'one of {name_some(words, len(words))}')
        found.append(words[text.lower()])
    return found


def _cameras(rows: ImageRows) -> list[str]:
    """Names of the cameras; '0' only if no row says what its camera is."""
    cameras = _texts(rows, 'camid')
    unknown = [i for i, camera in enumerate(cameras) if camera in _UNKNOWN]
    if len(unknown) == len(cameras):
        return ['0'] * len(cameras)
    if unknown:
        raise ValueError(
            f'{rows.where(unknown[0])}: the camera (camid) is '
            f'{cameras[unknown[0]]!r}, unknown, in {len(unknown):,} of '
            f'{len(cameras):,} rows. Name the camera in all of them, or in '
            'none')
    return cameras


def _pids(rows: ImageRows) -> tuple[list[int], Optional[list[str]]]:
    """Numbers of people; names as well, where they are no numbers."""
    texts = _texts(rows, 'pid')
    known = [text for text in texts if text not in _UNKNOWN]
    if all(_NUMBER.fullmatch(text) for text in known):
        numbers = [-1 if text in _UNKNOWN else int(float(text))
                   for text in texts]
        for i, number in enumerate(numbers):
            if not -1 <= number <= _LARGEST:
                raise ValueError(
                    f'{rows.where(i)}: pid is {texts[i]!r}, expected a number '
                    f'from 0 to {_LARGEST} (-1 or nothing = unknown)')
        return numbers, None
    number_of = {name: i for i, name in enumerate(sorted(set(known)))}
    return ([number_of.get(text, -1) for text in texts],
            ['' if text in _UNKNOWN else text for text in texts])


def _time(text: str, where: str) -> Optional[float]:
    try:
        return parse_time(text) if text else None
    except ValueError as error:
        raise ValueError(f'{where}: time: {error}') from None
