"""Mean and spread over domains that are splits of one set, as of VIPeR."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from .ranking import COUNTS

#: Sets whose domains are named '<set>-<split>'; a letter may follow.
SPLIT_SETS = ('viper', 'prid', 'grid', 'ilids119', 'cuhk01',
              'cuhk03-classic-detected', 'cuhk03-classic-labeled')


def group_splits(names: Sequence[str],
                 split_sets: Sequence[str] = SPLIT_SETS) -> dict[str, list]:
    """Sets of which there are several splits, and their domains.

    Args:
        names (Sequence[str]): names of domains, e.g. 'viper-0a', 'market1501'.
        split_sets (Sequence[str]): names of sets. 'viper' owns 'viper-0',
            'viper-0a', 'viper-9c', and nothing else.
    """
    groups = defaultdict(list)
    for name in names:
        match = re.fullmatch(r'(.+)-\d+[a-d]?', name)
        if match and match[1] in split_sets:
            groups[match[1]].append(name)
    return {key: group for key, group in groups.items() if len(group) > 1}


def add_split_means(metrics: Mapping[str, float],
                    split_sets: Sequence[str] = SPLIT_SETS) -> dict:
    """Add mean and spread over the splits of each set.

    What :func:`mean_and_spread` finds is added as '<set>/<score>',
    '<set>/<score>_std', '<set>/splits' and so on. 'mean/<score>' becomes the
    mean over sets and other domains, each counting once, and is left out
    where there is one alone. Results of re-ranking and query expansion
    ('<domain>+rerank/<score>') are joined among themselves.

    Args:
        metrics (Mapping[str, float]): by '<domain>/<score>'.
        split_sets (Sequence[str]): see :func:`group_splits`.

    Raises:
        ValueError: if the splits of a set do not have the same scores.
    """
    by_label: dict = defaultdict(lambda: defaultdict(dict))
    for key, value in metrics.items():
        domain, _, score = key.partition('/')
        name, plus, label = domain.partition('+')
        by_label[plus + label][name][score] = value
    return {
        f'{name}{label}/{score}': value
        for label, domains in by_label.items()
        for name, scores in _with_means(domains, split_sets).items()
        for score, value in scores.items()
    }


def _with_means(domains: Mapping[str, dict],
                split_sets: Sequence[str]) -> dict:
    names = [name for name in domains if name != 'mean']
    groups = group_splits(names, split_sets)
    if not groups:
        return dict(domains)
    joined = {name: mean_and_spread([domains[split] for split in splits])
              for name, splits in groups.items()}
    in_set = {split for splits in groups.values() for split in splits}
    units = [*joined.values(),
             *(domains[name] for name in names if name not in in_set)]
    found = {**{name: domains[name] for name in names}, **joined}
    if len(units) > 1:
        found['mean'] = {
            score: float(np.mean([unit[score] for unit in units]))
            for score in domains[next(iter(groups.values()))[0]]
            if score not in COUNTS and all(score in unit for unit in units)
        }
    return found


def mean_and_spread(summaries: Sequence[Mapping[str, float]]) -> dict:
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
