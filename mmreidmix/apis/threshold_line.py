"""Where a list of matches is cut, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from .comparison import threshold_for

#: What is said where a model has no threshold.
NO_THRESHOLD = (
    'No threshold: the model does not say from which score on two pictures '
    'show one person. tools/calibrate.py finds that on labelled people and '
    'stores it in the checkpoint.')


@dataclass(frozen=True)
class ThresholdLine:
    """The threshold between matches that are taken for the person and others.

    Attributes:
        threshold (float): cosine.
        fmr (float): share of pairs of different people that reach it, on the
            calibration data.
        low (float): its interval.
        high (float): its interval.
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
        """Whether a score is not below the line."""
        return score >= self.threshold

    def __str__(self) -> str:
        text = (
            f'threshold {self.threshold:.3f} (interval {self.low:.3f} to '
            f'{self.high:.3f}): false-match rate {self.fmr:g}, that is, one '
            f'of {1 / self.fmr:,.0f} pairs of different people reaches it, '
            f'as measured on {self.domain}')
        return text if self.supported else (
            f'{text}; these data are too few to rely on it')


def threshold_line(stored: Optional[Mapping],
                   fmr: Optional[float] = None) -> Optional[ThresholdLine]:
    """The line of a false-match rate; None where no threshold is stored.

    Args:
        stored (Mapping, optional): :attr:`ReIDInferencer.thresholds`.
        fmr (float, optional): one of its rates; None for the highest.

    Raises:
        ValueError: this rate is not stored.
    """
    if fmr is None and not (stored or {}).get('thresholds'):
        return None
    row = threshold_for(stored, fmr)
    return ThresholdLine(
        row['threshold'], row['fmr'], row['low'], row['high'],
        stored.get('domain', 'unknown data'), row.get('supported', True))
