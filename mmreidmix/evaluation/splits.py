"""Mean and spread of the scores of several splits, as of VIPeR or PRID2011."""

import numpy as np

from .ranking import COUNTS


def mean_and_spread(summaries) -> dict:
    """Mean and standard deviation over splits of one data set.

    Args:
        summaries (Sequence[dict]): of each split, as
            :meth:`RankingResult.summary` returns it; at least two, with the
            same keys.

    Returns:
        dict: per score its mean over the splits; '<score>_std', the sample
        standard deviation (n - 1); the sums of the counts 'queries' and
        'queries_without_match'; and 'splits'.

    Raises:
        ValueError: fewer than two splits, or other keys than in the first.
    """
    if len(summaries) < 2:
        raise ValueError('mean_and_spread needs at least two splits, got '
                         f'{len(summaries)}')
    keys = list(summaries[0])
    for number, summary in enumerate(summaries):
        if set(summary) != set(keys):
            raise ValueError(f'split {number} has the scores '
                             f'{sorted(summary)}, split 0 {sorted(keys)}')
    values = {key: [summary[key] for summary in summaries] for key in keys}
    scores = [key for key in keys if key not in COUNTS]
    return {
        **{key: float(np.mean(values[key])) for key in scores},
        **{f'{key}_std': float(np.std(values[key], ddof=1))
           for key in scores},
        **{key: sum(values[key]) for key in keys if key in COUNTS},
        'splits': len(summaries),
    }
