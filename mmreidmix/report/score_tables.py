"""Scores of a work dir: those of its validations and of its tests."""

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from mmreidmix.results.result_table import (
    cell,
    conditions,
    shown_domains,
    text_of,
)

#: draws of the bootstrap over queries
RESAMPLES = 2000
HEADLINE = ('mAP', 'rank-1')
_SHOWN = re.compile(r'mAP|mINP|rank-\d+|EER|AUC|TPR@FPR=.+')


class Validation(NamedTuple):
    """Scores of one domain at one validation, as fractions by name."""

    domain: str
    epoch: int
    scores: dict


def validations(rows) -> list:
    """The validations of a training.

    Args:
        rows (Sequence[dict]): of :func:`read_scalars`.

    Returns:
        list[Validation]: in the order of the epochs, of sets with several
        splits the mean over them.
    """
    return [
        Validation(domain, row['epoch'], _scores(row, domain))
        for row in rows if any(key.endswith('/mAP') for key in row)
        for domain in shown_domains(
            [key for key in row if _is_score(key)
             or key.endswith('/splits')])
    ]


def last_and_best(found) -> list:
    """The last validation of each domain, and the one with the best mAP.

    Returns:
        list[tuple[Validation, Validation]]: by domain.
    """
    domains = dict.fromkeys(v.domain for v in found)
    pairs = []
    for domain in domains:
        own = [v for v in found if v.domain == domain and 'mAP' in v.scores]
        if own:
            pairs.append((own[-1], max(own, key=lambda v: v.scores['mAP'])))
    return pairs


def alike(results: Mapping) -> list:
    """Put results together that differ in their training seed alone.

    Args:
        results (Mapping[Path, dict]): result files.

    Returns:
        list[dict[Path, dict]]: each of one method, config and protocol.
    """
    groups = []
    for file, result in results.items():
        for key, rows in groups:
            seeds = [row['training_seed'] for row in rows.values()]
            if key == _key(result) and result['training_seed'] not in seeds:
                rows[file] = result
                break
        else:
            groups.append((_key(result), {file: result}))
    return [rows for _, rows in groups]


def metric_names(keys, only=None) -> list:
    """Names of the scores that are fractions, in their order."""
    names = dict.fromkeys(key.rpartition('/')[2] for key in keys
                          if _is_score(key))
    return [name for name in names if only is None or name in only]


def score_text(rows: Mapping, domain: str, metric: str) -> str:
    """A score of results that are alike, in percent.

    With several seeds the mean and the standard deviation; then the 95 %
    interval over queries, where their values lie beside the result.
    """
    text = text_of(*cell(rows, domain, metric, RESAMPLES), 'text')
    return text.replace(', ', ',\u00a0')  # an interval stays on one line


def percent(value) -> str:
    """A fraction in percent; '-' for None."""
    return '-' if value is None else f'{100 * value:.1f}'


def _scores(row: Mapping, domain: str) -> dict:
    return {
        name: row[f'{domain}/{name}']
        for name in metric_names(row) if f'{domain}/{name}' in row
    }


def _is_score(key: str) -> bool:
    domain, _, name = key.rpartition('/')
    return bool(domain) and bool(_SHOWN.fullmatch(name))


def _key(result: Mapping) -> str:
    return json.dumps(
        [result['method'], result['config_sha256'], conditions(result)],
        sort_keys=True, default=str)
