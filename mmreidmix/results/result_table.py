"""What a table of results needs: which results are alike, and their cells."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import numpy as np

from mmreidmix.camera_profiles import TESTED_PROFILES

from .result_file import read_queries

if TYPE_CHECKING:
    from mmreidmix.evaluation.functional.ranking import RankingResult

# Options of a metric that change which values are shown, not the values.
SHOWN = ('ranks', 'fprs')
PER_QUERY = {'mAP': 'ap', 'mINP': 'inp'}

Results = Mapping[Path, dict]
Interval = Optional[tuple[float, float]]


def conditions(result: Mapping) -> dict:
    """What must be alike in one table, by the name of the field."""
    domains = {d['name']: d for d in result['domains']}
    fields = {
        'protocol': result['protocol'],
        'domains': sorted(domains),
        'checkpoint_rule': result['checkpoint_rule'],
        'precision': precision_of(result),
    }
    for key in ('boxes', 'split', 'sha256', 'seen_in_training'):
        fields[key] = {name: d[key] for name, d in sorted(domains.items())}
    for options in result['evaluators']:
        prefix = f'{options.get("prefix") or options["type"]}.'
        fields.update({
            prefix + key: value
            for key, value in options.items() if key not in SHOWN
        })
        # Each seed has files of its own.
        name = f'{prefix}camera_profiles'
        if isinstance(fields.get(name), list):
            fields[name] = 'files'
    # Results of before have no such field.
    if result.get('batch_norm'):
        fields['batch_norm'] = result['batch_norm']
    return fields


def remarks(results: Iterable[Mapping]) -> list[str]:
    """What a reader of scores must know: which use the tested images.

    Args:
        results (Iterable[Mapping]): result files.
    """
    lines: dict[str, None] = {}
    for result in results:
        if any(TESTED_PROFILES in key for key in result['results']):
            lines[f'{TESTED_PROFILES}: embeddings standardised per camera, '
                  'uses the tested images without labels'] = None
        if result.get('batch_norm') == 'tested':
            lines['batch-norm statistics re-estimated: all scores use the '
                  'tested images without labels'] = None
        elif result.get('batch_norm'):
            lines['batch-norm statistics of the site, of other images'] = None
    return list(lines)


def precision_of(result: Mapping) -> str:
    """Number format of the embeddings; early results do not name theirs."""
    return result.get('precision', 'fp32')


def differing_fields(results: Results) -> dict[str, str]:
    """Conditions in which results differ, and which value each file has."""
    fields_of = {file: conditions(result) for file, result in results.items()}
    differing = {}
    for name in dict.fromkeys(k for own in fields_of.values() for k in own):
        files_by_value: dict[str, list[str]] = {}
        for file, own in fields_of.items():
            text = json.dumps(own.get(name), sort_keys=True)
            files_by_value.setdefault(text, []).append(str(file))
        if len(files_by_value) > 1:
            differing[name] = '; '.join(
                f'{text} in {", ".join(files)}'
                for text, files in files_by_value.items())
    return differing


def group_by_method(results: Results) -> dict[str, dict[Path, dict]]:
    """Put the seeds of one method together, in the order of the files.

    Raises:
        ValueError: one method has several configs, or one seed twice.
    """
    groups: dict[str, dict[Path, dict]] = {}
    for file, result in results.items():
        rows = groups.setdefault(result['method'], {})
        for other, known in rows.items():
            for key, what in (('config_sha256', 'different configs'),
                              ('training_seed', 'the same training seed')):
                if (known[key] == result[key]) == (key == 'training_seed'):
                    raise ValueError(
                        f'method {result["method"]}: {other} and {file} have '
                        f'{what} ({key} {result[key]}); a row is one config '
                        'with one result per seed')
        rows[file] = result
    return groups


def bootstrap_interval(rankings: Sequence[RankingResult], metric: str,
                       resamples: int, seed: int = 0) -> Interval:
    """95 % interval of the mean over seeds, by a bootstrap over queries.

    The same queries are drawn for all seeds; queries without a match are
    left out, as they are in the score.

    Args:
        rankings (Sequence[RankingResult]): of one domain, one per seed.
        metric (str): 'mAP', 'mINP' or 'rank-k'.
        resamples (int): number of draws.
        seed (int): of the draws.

    Returns:
        tuple[float, float] or None: as fractions; None if the metric is not
        a mean over queries or the seeds have different queries.
    """
    values = [value for ranking in rankings
              if (value := _per_query(ranking, metric)) is not None]
    if not values or len({len(v) for v in values}) > 1:
        return None
    mean = np.mean(values, axis=0)
    mean = mean[~np.isnan(mean)]
    rng = np.random.default_rng(seed)
    draws = [
        mean[rng.integers(0, len(mean), len(mean))].mean()
        for _ in range(resamples)
    ]
    low, high = np.quantile(draws, [0.025, 0.975]).tolist()
    return low, high


def _per_query(ranking: RankingResult, metric: str) -> Optional[np.ndarray]:
    if metric in PER_QUERY:
        return getattr(ranking, PER_QUERY[metric]).astype(float)
    name, _, k = metric.partition('-')
    if name != 'rank' or not k.isdecimal():
        return None
    first = ranking.first_match_rank
    return np.where(first < 0, np.nan, first < int(k))


def method_score(
        rows: Results, domain: str, metric: str, resamples: int
) -> tuple[Optional[float], Optional[float], Interval]:
    """Mean, standard deviation and interval of the seeds of one method.

    Args:
        rows (Mapping[Path, dict]): results of the method, by file.
        domain (str): name of the domain.
        metric (str): name of the score.
        resamples (int): draws of the bootstrap, 0 for none.

    Returns:
        tuple: mean, standard deviation (None with one seed) and interval
        (None where it cannot be had); mean None without such a score.
    """
    scores = [r['results'].get(f'{domain}/{metric}') for r in rows.values()]
    if None in scores:
        return None, None, None
    std = float(np.std(scores, ddof=1)) if len(scores) > 1 else None
    rankings = [queries[domain] for file in rows
                if domain in (queries := read_queries(file) or {})]
    interval = None
    if resamples and len(rankings) == len(rows):
        interval = bootstrap_interval(rankings, metric, resamples)
    return float(np.mean(scores)), std, interval


def format_score(mean: Optional[float], std: Optional[float],
                 interval: Interval) -> str:
    """What :func:`method_score` gives, in percent."""
    if mean is None:
        return '-'
    text = f'{100 * mean:.1f}'
    if std is not None:
        text += f' ± {100 * std:.1f}'
    if interval is not None:
        text += f' [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]'
    return text


def shown_domains(keys: Collection[str],
                  wanted: Optional[list[str]] = None) -> list[str]:
    """Domains to show: those wanted, else all but single splits of a set."""
    # Imported here: --help of the tools must not wait for torch.
    from mmreidmix.evaluation.functional.split_statistics import group_splits
    found = list(dict.fromkeys(key.rpartition('/')[0] for key in keys))
    if wanted:
        absent = [name for name in wanted if name not in found]
        if absent:
            raise ValueError(f'--domains: no result has {absent}; there are '
                             f'{found}')
        return wanted
    sets = [name for name in found if f'{name}/splits' in keys]
    splits = group_splits(found, sets).values()
    return [name for name in found if not any(name in s for s in splits)]
