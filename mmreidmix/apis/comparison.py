"""Same person or not, by calibrated thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Comparison:
    """What :func:`decide` says of two images.

    Attributes:
        score (float): cosine of the embeddings.
        same (bool): whether it reaches the threshold.
        threshold (float): for the wanted false-match rate.
        fmr (float): that rate: the share of pairs of different people that
            the threshold takes for one person, on the calibration data.
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


def threshold_for(stored: Optional[Mapping], fmr: Optional[float]) -> Mapping:
    """The stored threshold of a false-match rate.

    Args:
        stored (Mapping, optional): what ``tools/calibrate.py`` writes.
        fmr (float, optional): one of its rates; None for the highest.

    Raises:
        ValueError: nothing is stored, or not this rate.
    """
    rows = (stored or {}).get('thresholds') or []
    if not rows:
        raise ValueError('the model has no calibrated threshold: run '
                         'tools/calibrate.py CONFIG CHECKPOINT on labelled '
                         'people and use the file it writes')
    rates = [row['fmr'] for row in rows]
    wanted = max(rates) if fmr is None else fmr
    if wanted not in rates:
        raise ValueError(f'the model is calibrated for the false-match rates '
                         f'{sorted(rates)}, not for {wanted:g}; '
                         'tools/calibrate.py --fmr adds others')
    return rows[rates.index(wanted)]


def decide(score: float, stored: Optional[Mapping],
           fmr: Optional[float] = None) -> Comparison:
    """Decide about two images by their cosine.

    Arguments and errors are those of :func:`threshold_for`, and ``score``.
    """
    row = threshold_for(stored, fmr)
    reached = [other['fmr'] for other in stored['thresholds']
               if score >= other['threshold']]
    return Comparison(
        score=score,
        same=score >= row['threshold'],
        threshold=row['threshold'],
        fmr=row['fmr'],
        certain=(row.get('supported', True)
                 and not row['low'] <= score < row['high']),
        strictest_fmr=min(reached, default=None))
