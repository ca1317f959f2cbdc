"""Scores of a work dir: those of its validations and of its tests."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from mmreidmix.results.result_table import (
    conditions,
    format_score,
    method_score,
    shown_domains,
)
from mmreidmix.results.start_row import mark_lower

#: draws of the bootstrap over queries
RESAMPLES = 2000
HEADLINE = ('mAP', 'rank-1')
EMPTY: Mapping = {}
_SCORE = re.compile(r'.+/(mAP|mINP|rank-\d+|EER|AUC|TPR@FPR=[^/]+)', re.DOTALL)


class Validation(NamedTuple):
    """Scores of one domain at one validation, as fractions by name."""

    domain: str
    epoch: int
    scores: dict[str, float]

    def cells(self, names: Iterable[str],
              starts: Mapping[Path, dict] = EMPTY) -> list[str]:
        """The named scores in percent, '-' for one that is not there.

        Those below the start are marked.
        """
        return [
            mark_lower(
                format_score(self.scores.get(name), None, None),
                self.scores.get(name), starts, self.domain, name)
            for name in names
        ]


def validations(rows: Iterable[Mapping]) -> list[Validation]:
    """The validations of a training.

    Args:
        rows (Iterable[dict]): of :func:`read_scalars`.

    Returns:
        list[Validation]: in the order of the epochs, of sets with several
        splits the mean over them.
    """
    return [
        Validation(domain, row['epoch'], {
            name: row[f'{domain}/{name}'] for name in metric_names(row)
            if f'{domain}/{name}' in row})
        for row in rows if any(key.endswith('/mAP') for key in row)
        for domain in shown_domains([
            key for key in row
            if _SCORE.fullmatch(key) or key.endswith('/splits')])
    ]


def last_and_best(found: Sequence[Validation]
                  ) -> list[tuple[Validation, Validation]]:
    """The last validation of each domain, and the one with the best mAP.

    The start, epoch 0, is none.
    """
    by_domain: dict[str, list[Validation]] = {}
    for validation in found:
        own = by_domain.setdefault(validation.domain, [])
        if 'mAP' in validation.scores and validation.epoch > 0:
            own.append(validation)
    return [(own[-1], max(own, key=lambda v: v.scores['mAP']))
            for own in by_domain.values() if own]


def group_seeds(results: Mapping[Path, dict]) -> list[dict[Path, dict]]:
    """Put results together that differ in their training seed alone.

    Results with the same seed get into different groups.
    """
    groups: dict[tuple, dict[Path, dict]] = {}
    repeats: Counter = Counter()
    for file, result in results.items():
        key = json.dumps(
            [result['method'], result['config_sha256'], conditions(result)],
            sort_keys=True, default=str)
        own = key, result['training_seed']
        groups.setdefault((key, repeats[own]), {})[file] = result
        repeats[own] += 1
    return list(groups.values())


def score_keys(group: Mapping[Path, dict]) -> list[str]:
    """Keys of the scores of results, ``<domain>/<metric>``."""
    return list(dict.fromkeys(
        key for result in group.values() for key in result['results']))


def metric_names(keys: Iterable[str]) -> list[str]:
    """Names of the scores that are fractions, in their order."""
    matches = map(_SCORE.fullmatch, keys)
    return list(dict.fromkeys(match[1] for match in matches if match))


def score_cells(group: Mapping[Path, dict], metrics: Iterable[str],
                starts: Mapping[Path, dict] = EMPTY) -> dict[str, list[str]]:
    """Scores of results that differ in their seed alone, by domain, percent.

    With several seeds the mean and the standard deviation; then the 95 %
    interval over queries, where their values lie beside the result. Scores
    below those of ``starts`` are marked.
    """
    return {
        domain: [_cell(group, starts, domain, metric) for metric in metrics]
        for domain in shown_domains(score_keys(group))
    }


def start_to_end_cells(scores: Mapping[str, Optional[float]],
                       starts: Mapping[Path, dict],
                       domain: str) -> list[str]:
    """The headline scores at the start and at the end, in percent.

    Args:
        scores (Mapping[str, float | None]): fractions at the end, by name.
        starts (Mapping[Path, dict]): results of the start.
        domain (str): name of the tested domain.

    Returns:
        list[str]: such as '12.0 → 45.0', marked where it fell; empty where
        there is no result of the start.
    """
    before = {name: method_score(starts, domain, name, 0)[0]
              for name in HEADLINE if starts}
    if not any(score is not None for score in before.values()):
        return []
    texts = [' → '.join(format_score(score, None, None)
                        for score in (before[name], scores.get(name)))
             for name in HEADLINE]
    return [mark_lower(text, scores.get(name), starts, domain, name)
            for text, name in zip(texts, HEADLINE)]


def _cell(group: Mapping[Path, dict], starts: Mapping[Path, dict],
          domain: str, metric: str) -> str:
    mean, std, interval = method_score(group, domain, metric, RESAMPLES)
    # An interval stays on one line.
    text = format_score(mean, std, interval).replace(', ', ',\u00a0')
    return mark_lower(text, mean, starts, domain, metric)
