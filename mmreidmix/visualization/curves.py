"""Curves of a training, from what MMEngine's local back end writes."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .pictures import new_figure

LABELS = 'pseudo_labels/'
QUALITY = ('pair_precision', 'pair_recall', 'ari', 'stability', 'noise_share')


def read_scalars(work_dir) -> list:
    """Read ``*/vis_data/scalars.json`` of all runs in a work dir.

    A later run, resumed or started again, takes the place of what earlier
    ones wrote from its first epoch on. A last line that is still being
    written is left out.

    Args:
        work_dir (str | Path): of a training.

    Returns:
        list[dict]: rows of training losses, of a validation and of label
        quality, each with its position ``'at'`` in epochs: a loss at its
        iteration, a validation behind its epoch, pseudo labels where they
        begin to be used. The length of an epoch is known once a second
        epoch was logged; before, the last logged iteration counts as the end.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no JSON, or no iteration was logged.
    """
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(
            f'no */vis_data/scalars.json in {work_dir}: name the work dir of '
            'a training whose visualizer has a LocalVisBackend')
    runs = [_read_lines(file) for file in files]
    lengths = [length for run in runs for length in _epoch_lengths(run)]
    if not lengths:
        raise ValueError(f'no training iteration was logged in {work_dir} yet')
    length = max(lengths)[1]
    kept = []
    for run in runs:
        placed = [row for line in run for row in _placed(line, length)]
        begin = min((row['epoch'] for row in placed), default=math.inf)
        kept = [row for row in kept if row['epoch'] < begin] + placed
    return kept


def draw_curves(rows: Sequence[dict], title: str = ''):
    """Draw losses, retrieval scores and label quality over epochs.

    Panels without a value are left out.

    Args:
        rows (Sequence[dict]): of :func:`read_scalars`.
        title (str): a line above everything.

    Returns:
        matplotlib.figure.Figure: one to four panels.

    Raises:
        ValueError: there is nothing to draw.
    """
    curves = _curves(rows)
    panels = [
        ('losses', {k: v for k, v in curves.items() if k.startswith('loss')}),
        ('retrieval', {k: v for k, v in curves.items()
                       if k.endswith(('/mAP', '/rank-1'))}),
        ('label quality', _labels(curves, QUALITY)),
        ('clusters', _labels(curves, ('clusters', ))),
    ]
    panels = [(name, some) for name, some in panels if some]
    if not panels:
        raise ValueError('there are neither losses nor scores nor pseudo '
                         'labels to draw')
    end = max(at for _, some in panels for v in some.values() for at, _ in v)
    figure = new_figure(10, 3.2 * math.ceil(len(panels) / 2) + 0.4)
    figure.suptitle(title)
    shape = math.ceil(len(panels) / 2), min(len(panels), 2)
    places = figure.subplots(*shape, squeeze=False).flat
    for (name, some), axes in zip(panels, places):
        for key, values in some.items():
            axes.plot(*np.array(values).T, label=key, linewidth=1.5,
                      marker='o' if len(values) < 30 else None, markersize=3)
        lowest, highest = axes.get_ylim()
        share = name in ('retrieval', 'label quality')
        highest = 1 if share else 1.25 * highest
        axes.set(title=name, xlabel='epoch', xlim=(0, 1.02 * end),
                 ylim=(min(lowest, 0), highest))
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    for axes in places:  # an odd number of panels leaves one
        axes.remove()
    return figure


def _read_lines(file: Path) -> list:
    lines, rows = file.read_text().split('\n'), []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(f'{file}, line {number}: no JSON, as MMEngine '
                             f'writes it: {error}') from error
    return rows


def _epoch_lengths(run: list):
    """Yield (how sure, iterations of an epoch), as far as a run tells."""
    first = {}
    for row in run:
        if 'iter' in row:
            first.setdefault(row['epoch'], row['iter'])
            last = row
    if not first:
        return
    begin, end = min(first), max(first)
    if end > begin:  # LoggerHook logs the same iterations of every epoch
        yield True, (first[end] - first[begin]) // (end - begin)
    else:
        yield False, math.ceil(last['iter'] / last['epoch'])


def _placed(row: dict, length: int):
    """Yield a row with its place, if it is of a kind that is drawn."""
    step = row['step']
    if 'iter' in row:
        yield dict(row, at=row['iter'] / length)
    elif any(key.startswith(LABELS) for key in row):
        yield dict(row, at=step / length, epoch=step // length + 1)
    elif any(key.endswith('/mAP') for key in row):
        yield dict(row, at=step, epoch=step)


def _curves(rows: Sequence[dict]) -> dict:
    """Points (epoch, value) of each key that has finite values."""
    curves = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, (int, float)) and math.isfinite(value):
                curves.setdefault(key, []).append((row['at'], value))
    return curves


def _labels(curves: dict, kinds: Sequence[str]) -> dict:
    """Curves of the pseudo labels, by kind and domain."""
    return {
        key[len(LABELS):]: values
        for key, values in curves.items()
        if key.startswith(LABELS) and key.rpartition('/')[2] in kinds
    }
