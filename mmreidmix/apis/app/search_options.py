"""What a visitor of the search page asks for, in his words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

from mmreidmix.times import parse_time

#: Largest number of matches of one search.
MOST_MATCHES = 100
# By how many false-match rates a model is calibrated for.
_NAMES = {1: ('Normal', ), 2: ('Strict', 'Normal'),
          3: ('Strict', 'Normal', 'Wide')}


class PageError(ValueError):
    """What a visitor did can not be done; the message is for him."""


class Level(NamedTuple):
    """How much has to be alike, as a choice with a name."""

    name: str
    fmr: float  # false-match rate of its threshold

    def __str__(self) -> str:
        return f'{self.name}: lets {one_in(self.fmr)} others through'


def one_in(rate: float) -> str:
    """A rate in words.

    Examples:
        >>> one_in(0.001)
        '1 in 1,000'
    """
    return f'1 in {1 / rate:,.0f}'


def levels(thresholds: Optional[Mapping]) -> list[Level]:
    """Choices for the calibrated rates of a model, the strictest first.

    They are the lowest, the middle and the highest rate; none where no
    threshold is stored.
    """
    rows = (thresholds or {}).get('thresholds') or []
    rates = sorted({row['fmr'] for row in rows})
    if len(rates) > 3:
        rates = [rates[0], rates[len(rates) // 2], rates[-1]]
    return [Level(*pair) for pair in zip(_NAMES.get(len(rates), ()), rates)]


@dataclass(frozen=True)
class SearchOptions:
    """What is searched for, and where.

    Args:
        camids (Sequence[int]): only these cameras; none = all, and images of
            no known camera.
        camera (int, optional): camera of the picture, where it is known.
        other_cameras (bool): leave the camera of the picture out.
        after (str): only images from this time on, see :func:`parse_time`;
            empty = any.
        before (str): only images before this time.
        tracks (str): only these tracklets, such as '7, 12'; empty = any.
        track_once (bool): one match per tracklet.
        topk (int): at most so many matches.
        second_look (bool): re-rank by the neighbours of the matches; the
            scores remain the cosines.
        level (str, optional): name of a :class:`Level`; None = 'Normal'.
    """

    camids: Sequence[int] = ()
    camera: Optional[int] = None
    other_cameras: bool = False
    after: str = ''
    before: str = ''
    tracks: str = ''
    track_once: bool = False
    topk: int = 20
    second_look: bool = False
    level: Optional[str] = None

    def filters(self) -> dict[str, Any]:
        """The filters of ``Gallery.search``.

        Raises:
            PageError: something typed can not be read.
        """
        if self.other_cameras and self.camera is None:
            raise PageError('Say which camera took the picture, to search in '
                            'the other cameras only')
        after, before = self._time(self.after), self._time(self.before)
        if after is not None and before is not None and after >= before:
            raise PageError(f'No time is from {self.after} on and before '
                            f'{self.before}: exchange them?')
        return dict(
            camids=list(self.camids) or None,
            exclude_camids=[self.camera] if self.other_cameras else None,
            times=None if after is before is None else (after, before),
            tracklets=self._tracks() or None)

    def _time(self, text: str) -> Optional[float]:
        if not (text or '').strip():
            return None
        try:
            return parse_time(text.strip())
        except ValueError as error:
            raise PageError(str(error)) from error

    def _tracks(self) -> list[int]:
        words = (self.tracks or '').replace(',', ' ').split()
        wrong = [word for word in words
                 if not (word.isascii() and word.isdigit())
                 or len(word) > 18]
        if wrong:
            raise PageError(f'{wrong[0]!r} is no track: type numbers, such '
                            'as 7, 12')
        return [int(word) for word in words]
