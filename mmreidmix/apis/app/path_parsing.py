"""Identity, camera, time and tracklet of images, read from their paths."""

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from mmreidmix.times import seconds_of

#: Patterns that have a name. The frame number of Market-1501 counts from the
#: begin of a sequence, so it is no time by one clock.
NAMES = {
    'market1501': r'(?:.*/)?(?P<pid>-1|\d{4})_c(?P<camid>\d+)s\d+_\d+_\d+'
                  r'\.jpg(?:\.jpg)?',
}
# Tracklet numbers of one camera; tracklets of two cameras are never one.
_TRACKLETS = 10**9
# Named groups of a pattern; what a number that one matches is below.
_GROUPS = {'pid': 2**31, 'camid': 2**31, 'time': None, 'tracklet': _TRACKLETS}


class PathLabels(NamedTuple):
    """What paths say of N images: arrays (N,) int64, -1 = not known.

    Times are float64, in seconds; NaN = not known.
    """

    pids: np.ndarray
    camids: np.ndarray
    times: np.ndarray
    tracklets: np.ndarray


class PathReader:
    r"""Reads labels from paths by a regular expression.

    Args:
        pattern (str, optional): for the whole path of an image below its
            root, with '/' between the parts. Named groups, each of which may
            be absent: ``pid``, ``camid`` and ``tracklet``, which match
            digits, and ``time``. A tracklet belongs to its camera: number n
            of camera c becomes ``c * 10**9 + n``. None reads nothing.
        time_format (str, optional): of :meth:`datetime.strptime`, for the
            text of ``time``; without an offset it is UTC. Default: a number
            of seconds.

    Raises:
        ValueError: the pattern is no regular expression, or has an unknown
            group or none.

    Examples:
        >>> reader = PathReader(r'cam(?P<camid>\d+)/.*')
        >>> reader(['cam3/a.jpg']).camids
        array([3])
    """

    def __init__(self, pattern: Optional[str] = None,
                 time_format: Optional[str] = None):
        self.pattern = None if pattern is None else _compiled(pattern)
        self.time_format = time_format

    def __call__(self, names: Sequence[str],
                 where: Union[str, Path] = '') -> PathLabels:
        """Read the labels of N paths below a root, which messages name.

        Raises:
            ValueError: paths that do not match, counted, the first shown; or
                a group that is not a number.
        """
        # Imported here: --help must not wait for torch.
        from mmreidmix.datasets.file_names import parse_paths
        matches = [None] * len(names) if self.pattern is None else (
            parse_paths(names, self.pattern, where))
        rows = [self._row(match) for match in matches]
        columns = list(zip(*rows)) or [()] * 4
        types = (np.int64, np.int64, np.float64, np.int64)
        return PathLabels(*map(np.array, columns, types))

    def _row(self, match: Optional[re.Match]) -> tuple:
        groups = match.groupdict() if match else {}
        pid, camid, tracklet = (
            -1 if groups.get(key) is None else _integer(key, match)
            for key in ('pid', 'camid', 'tracklet'))
        if tracklet >= 0:
            tracklet += max(camid, 0) * _TRACKLETS
        time = np.nan if groups.get('time') is None else self._time(match)
        return pid, camid, time, tracklet

    def _time(self, match: re.Match) -> float:
        text = match['time']
        try:
            if self.time_format is None:
                return float(text)
            return seconds_of(datetime.strptime(text, self.time_format))
        except ValueError as error:
            raise ValueError(
                f'the time {text!r} of {match.string!r} can not be read: '
                f'{error}. Without a time format it must be a number of '
                'seconds') from error


def time_text(time: Optional[float]) -> str:
    """A time for people: a date in UTC, or seconds if it is early in 1970."""
    if time is None:
        return '-'
    if not 1e8 < time < 1e11:
        return f'{time:g} s'
    return f'{datetime.fromtimestamp(time, timezone.utc):%Y-%m-%d %H:%M:%S}'


def _compiled(pattern: str) -> re.Pattern:
    try:
        compiled = re.compile(NAMES.get(pattern, pattern))
    except re.error as error:
        raise ValueError(f'the pattern {pattern!r} is not a regular '
                         f'expression: {error}') from error
    groups = set(compiled.groupindex)
    if not groups or not groups <= set(_GROUPS):
        raise ValueError(f'the pattern {pattern!r} has the named groups '
                         f'{sorted(groups)}, expected some of '
                         f'{tuple(_GROUPS)}')
    return compiled


def _integer(key: str, match: re.Match) -> int:
    try:
        number = int(match[key])
    except ValueError:
        number = -2
    if not -1 <= number < _GROUPS[key]:
        raise ValueError(f'the group {key!r} of the pattern matches '
                         f'{match[key]!r} in {match.string!r}, expected a '
                         f'number below {_GROUPS[key]:,}')
    return number
