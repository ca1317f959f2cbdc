"""Same person or not, by calibrated thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

#: What is said where a model has no threshold.
NO_THRESHOLD = (
    'No threshold: the model does not say from which score on two images '
    'show one person. tools/analysis_tools/calibrate.py finds that on '
    'labelled people and stores it in the checkpoint.')


@dataclass(frozen=True)
class Threshold:
    """A cosine from which on two images are taken for one person.

    Attributes:
        threshold (float): cosine.
        fmr (float): false-match rate: the share of pairs of different people
            that reach it, on the calibration data.
        low (float): lower end of its interval.
        high (float): upper end of its interval.
        domain (str): the calibration data.
        supported (bool): False if the data are too few to rely on it.
    """

    threshold: float
    fmr: float
    low: float
    high: float
    domain: str
    supported: bool

    def reached(self, score: float) -> bool:
        """Whether a score is not below the threshold."""
        return score >= self.threshold

    def __str__(self) -> str:
        text = (
            f'threshold {self.threshold:.3f} (interval {self.low:.3f} to '
            f'{self.high:.3f}): false-match rate {self.fmr:g}, that is, one '
            f'of {1 / self.fmr:,.0f} pairs of different people reaches it, '
            f'as measured on {self.domain}')
        return text if self.supported else (
            f'{text}; these data are too few to rely on it')


@dataclass(frozen=True)
class Comparison:
    """What :func:`decide` says of two images.

    Attributes:
        score (float): cosine of the embeddings.
        same (bool): whether it reaches the threshold.
        threshold (float): for the wanted false-match rate.
        fmr (float): that rate.
        certain (bool): False if the score lies in the interval of the
            threshold, so that other calibration data could decide otherwise,
            or if these were too few for this rate.
        strictest_fmr (float, optional): lowest calibrated rate whose
            threshold the score reaches; None if it reaches none.
    """

    score: float
    same: bool
    threshold: float
    fmr: float
    certain: bool
    strictest_fmr: Optional[float]


def find_threshold(stored: Optional[Mapping],
                   fmr: Optional[float] = None) -> Threshold:
    """The stored threshold of a false-match rate.

    Args:
        stored (Mapping, optional): what ``calibrate.py`` writes, see
            :attr:`ReIDInferencer.thresholds`.
        fmr (float, optional): one of its rates; None for the highest.

    Raises:
        ValueError: nothing is stored, or not this rate.
    """
    rows = (stored or {}).get('thresholds') or []
    if not rows:
        raise ValueError('the model has no calibrated threshold: run '
                         'tools/analysis_tools/calibrate.py CONFIG CHECKPOINT '
                         'on labelled people and use the file it writes')
    rates = [row['fmr'] for row in rows]
    wanted = max(rates) if fmr is None else fmr
    if wanted not in rates:
        raise ValueError(f'the model is calibrated for the false-match rates '
                         f'{sorted(rates)}, not for {wanted:g}; '
                         'tools/analysis_tools/calibrate.py --fmr adds others')
    row = rows[rates.index(wanted)]
    return Threshold(row['threshold'], row['fmr'], row['low'], row['high'],
                     stored.get('domain', 'unknown data'),
                     row.get('supported', True))


def optional_threshold(stored: Optional[Mapping],
                       fmr: Optional[float] = None) -> Optional[Threshold]:
    """:func:`find_threshold`; None where nothing is stored and no rate asked.

    Raises:
        ValueError: this rate is not stored.
    """
    if fmr is None and not (stored or {}).get('thresholds'):
        return None
    return find_threshold(stored, fmr)


def decide(score: float, stored: Optional[Mapping],
           fmr: Optional[float] = None) -> Comparison:
    """Decide about two images by their cosine.

    The other arguments and the errors are those of :func:`find_threshold`.
    """
    found = find_threshold(stored, fmr)
    fmrs = [row['fmr'] for row in stored['thresholds']
            if score >= row['threshold']]
    return Comparison(
        score, found.reached(score), found.threshold, found.fmr,
        found.supported and not found.low <= score < found.high,
        min(fmrs, default=None))
