"""The row of doing nothing: results of starts, and which row has which.

A result says in ``start`` which weights its training began with. That of
doing nothing (``tools/test.py CONFIG none``) has the same field, and no
training. A result of a training may carry its own start, with the scores that
were measured before the first step.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from .result_table import Results, conditions, method_score, shown_domains

RANDOM = 'random weights'
#: Mark of a score that is below the start's.
MARK = '↓'
#: How to get the row of doing nothing, for tables that lack it.
HOW_TO = ('python tools/test.py CONFIG none --out start.json tests the start '
          'weights')
# Conditions that are not those of a start: it is not trained.
_OF_TRAINING = ('checkpoint_rule', 'seen_in_training')
_HIGHER_IS_BETTER = re.compile(r'mAP|mINP|rank-\d+|AUC|(TPR|DIR-\d+)@.+')


def size_text(size: Optional[tuple[int, int]]) -> str:
    """(height, width) as text."""
    return f'{size[0]}x{size[1]}' if size else 'a size that is not known'


def start_label(result: Mapping) -> str:
    """What a table calls a result of doing nothing."""
    start = result['start']
    return (f'doing nothing: {Path(start["weights"]).name} at '
            f'{size_text(start["input_size"])}')


def split_starts(results: Results) -> tuple[Results, Results]:
    """Tell results of doing nothing from those of trainings.

    Returns:
        tuple: results of trainings, by file; and of starts: the files of
        them, then what results of trainings carry of theirs, by
        ``<file>/start``.
    """
    starts = {file: result for file, result in results.items()
              if result['checkpoint'] == 'none' and result.get('start')}
    trained = {f: r for f, r in results.items() if f not in starts}
    for file, result in trained.items():
        scores = (result.get('start') or {}).get('scores')
        if scores:
            starts[Path(file) / 'start'] = scores
    return trained, starts


def comparable(result: Mapping) -> Optional[str]:
    """What a row and its start have in common; None without a start.

    The weights of the start and the size they are tested at, the protocol,
    the tested images and how they are scored.
    """
    if not result.get('start'):
        return None
    fields = {key: value for key, value in conditions(result).items()
              if key not in _OF_TRAINING}
    start = [result['start'][key] for key in ('sha256', 'input_size')]
    return json.dumps([start, fields], sort_keys=True)


def group_starts(starts: Results) -> list[Results]:
    """One group per row of doing nothing.

    Random weights have one result per seed, weights of a file one in all.
    """
    groups: dict[Optional[str], dict[Path, dict]] = {}
    seen = set()
    for file, result in starts.items():
        key = comparable(result)
        seed = result['seed'] if result['start']['weights'] == RANDOM else None
        if (key, seed) not in seen:
            groups.setdefault(key, {})[file] = result
        seen.add((key, seed))
    return list(groups.values())


def starts_of(group: Results, starts: Results) -> Results:
    """The results of doing nothing that the seeds of one row compare with.

    Empty where there is none, or the seeds differ in their start.
    """
    keys = {comparable(result) for result in group.values()}
    if len(keys) != 1 or None in keys:
        return {}
    found = group_starts({file: result for file, result in starts.items()
                          if comparable(result) in keys})
    return found[0] if found else {}


def is_lower(metric: str, score: Optional[float],
             start: Optional[float]) -> bool:
    """Whether a score is below the start's, as a table shows them."""
    if score is None or start is None or (
            not _HIGHER_IS_BETTER.fullmatch(metric)):
        return False
    return round(100 * score, 1) < round(100 * start, 1)


def mark_lower(text: str, score: Optional[float], starts: Results,
               domain: str, metric: str) -> str:
    """Mark the text of a score that is below the mean of its starts."""
    if not starts:
        return text
    start = method_score(starts, domain, metric, 0)[0]
    return f'{text} {MARK}' if is_lower(metric, score, start) else text


def start_to_end(start: Mapping[str, float],
                 end: Mapping[str, float]) -> list[tuple[str, bool]]:
    """One line per tested domain, and whether it ended below its start.

    Args:
        start (Mapping[str, float]): scores by '<domain>/<score>'.
        end (Mapping[str, float]): the same, behind the last epoch.
    """
    lines = []
    for domain in shown_domains(start):
        texts, lower = [], False
        for metric, name in (('mAP', 'mAP'), ('rank-1', 'R1')):
            before, after = (scores.get(f'{domain}/{metric}')
                             for scores in (start, end))
            if before is not None and after is not None:
                texts.append(f'{name} {100 * before:.1f} -> '
                             f'{100 * after:.1f}')
                lower |= is_lower(metric, after, before)
        if texts:
            lines.append((f'{domain}: {", ".join(texts)}', lower))
    return lines
