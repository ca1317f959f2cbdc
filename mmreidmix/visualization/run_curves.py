"""Curves of several trainings, one panel for each key of their logs."""

import math
import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Union

from .curves import (
    LABELS,
    Curves,
    draw_panel,
    last_epoch,
    points_by_key,
    styles,
)
from .pictures import Figure, new_figure

#: What is drawn of several trainings if no key is named.
RUN_KEYS = ('loss', '*/mAP')
#: Keys of the label quality, those that need the true identities last.
LABEL_KEYS = tuple(f'{LABELS}*/{kind}' for kind in (
    'clusters', 'noise_share', 'camera_purity', 'pair_precision',
    'pair_recall', 'ari'))
MOST_PANELS, MOST_RUNS = 24, 40
_SHARES = ('mAP', 'mINP', 'rank-1', 'rank-5', 'rank-10', 'noise_share',
           'camera_purity', 'pair_precision', 'pair_recall', 'pair_f', 'ari',
           'nmi', 'purity', 'stability')


def run_names(work_dirs: Sequence[Union[str, Path]]) -> list[str]:
    """Names of paths: as many of their last parts as tell them apart.

    Raises:
        ValueError: one is given twice.

    Examples:
        >>> run_names(['out/remix/seed0', 'out/plain/seed0'])
        ['remix/seed0', 'plain/seed0']
    """
    parts = [Path(os.path.abspath(folder)).parts for folder in work_dirs]
    for i, own in enumerate(parts):
        if own in parts[:i]:
            raise ValueError(f'{work_dirs[i]} is given twice')
    depth = 1
    while len({own[-depth:] for own in parts}) < len(parts):
        depth += 1
    return ['/'.join(own[-depth:]) for own in parts]


def select_curves(runs: Mapping[str, Sequence[dict]],
                  keys: Sequence[str],
                  need_all: bool = True) -> dict[str, Curves]:
    """Curves by key and run.

    Args:
        runs (Mapping[str, Sequence[dict]]): rows of :func:`.read_scalars`,
            by name.
        keys (Sequence[str]): keys of the logs, or patterns such as
            ``'*/mAP'``.
        need_all (bool): refuse keys that no run has. Otherwise they are in
            the result without a run, unless no run has any.

    Returns:
        dict[str, dict[str, list[tuple]]]: for each key, in the given order,
        the points of each run that has it.

    Raises:
        ValueError: no run has a key or any that fits a pattern, or there are
            too many to be drawn.
    """
    curves = {name: points_by_key(rows) for name, rows in runs.items()}
    known = list(dict.fromkeys(key for own in curves.values() for key in own))
    fitting = {wanted: _fitting(wanted, known) for wanted in keys}
    absent = [wanted for wanted, some in fitting.items() if not some]
    if absent and (need_all or len(absent) == len(fitting)):
        there = dict.fromkeys(map(_any_domain, sorted(known)))
        raise ValueError(f'no run has {", ".join(map(repr, absent))}; there '
                         f'are the keys: {", ".join(there)}')
    found: dict[str, Curves] = {
        key: {name: own[key] for name, own in curves.items() if key in own}
        for wanted, some in fitting.items() for key in some or [wanted]}
    if len(found) > MOST_PANELS:
        raise ValueError(
            f'{len(found)} keys fit, more than the {MOST_PANELS} panels of a '
            f'picture; name fewer of: {", ".join(found)}')
    return found


def absent_curves(curves: Mapping[str, Curves],
                  names: Sequence[str]) -> dict[tuple[str, ...], list[str]]:
    """Keys that are not in all runs, by the runs that lack them."""
    absent: dict[tuple[str, ...], list[str]] = {}
    for key, drawn in curves.items():
        lacking = tuple(name for name in names if name not in drawn)
        if lacking:
            absent.setdefault(lacking, []).append(key)
    return absent


def draw_runs(curves: Mapping[str, Curves], names: Sequence[str]) -> Figure:
    """Draw a panel per key; a run has one colour in all of them.

    Args:
        curves (Mapping[str, Curves]): of :func:`select_curves`.
        names (Sequence[str]): all runs, also those that lack a key: the title
            of a panel counts them.

    Raises:
        ValueError: there are too many runs to tell them apart.
    """
    if len(names) > MOST_RUNS:
        raise ValueError(f'{len(names)} runs can not be told apart in one '
                         f'picture; name at most {MOST_RUNS}')
    curves = {key: drawn for key, drawn in curves.items() if drawn}
    columns = min(len(curves), 2 if len(curves) < 5 else 3)
    rows = math.ceil(len(curves) / columns)
    per_line = max(1, 55 * columns // (max(map(len, names)) + 8))
    lines = math.ceil(len(names) / per_line)
    figure = new_figure(5 * columns, 3.2 * rows + 0.2 * lines + 0.2)
    colours = styles([str(number) for number in range(len(names))])
    of_run = dict(zip(names, colours.values()))
    places = figure.subplots(rows, columns, squeeze=False).flat
    end, shown = last_epoch(curves.values()), {}
    for (key, drawn), axes in zip(curves.items(), places):
        title = key if len(drawn) == len(names) else (
            f'{key}\n({len(drawn)} of {len(names)} runs)')
        draw_panel(axes, drawn, of_run, end, ylabel=_unit(key))
        axes.set_title(title, fontsize=10)
        shown.update({str(line.get_label()): line for line in axes.lines})
    for axes in places:  # an odd number of panels leaves one
        axes.remove()
    legend = [name for name in names if name in shown]
    figure.legend([shown[name] for name in legend], legend, fontsize=8,
                  loc='outside lower center', ncols=min(per_line, len(legend)))
    return figure


def _fitting(wanted: str, known: Sequence[str]) -> list[str]:
    """Keys that are as wanted, or fit the pattern."""
    if wanted in known:
        return [wanted]
    return [key for key in known if fnmatchcase(key, wanted)]


def _any_domain(key: str) -> str:
    """The key of label quality as a pattern that fits all domains."""
    parts = key.split('/', 2)
    if not key.startswith(LABELS) or len(parts) < 3:
        return key
    return f'{LABELS}*/{parts[2]}'


def _unit(key: str) -> str:
    kind = key.rpartition('/')[2]
    if kind in _SHARES:
        return f'{kind} (0 to 1)'
    if kind == 'time' or kind.endswith('_time') or kind.startswith('time_'):
        return f'{kind} (seconds)'
    return kind
