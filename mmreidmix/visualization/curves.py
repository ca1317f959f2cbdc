"""Curves of a training, from what MMEngine's local back end writes."""

import json
import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Union

import numpy as np

from .pictures import Figure, new_figure

LABELS = 'pseudo_labels/'
QUALITY = ('pair_precision', 'pair_recall', 'ari', 'stability', 'noise_share')


def read_scalars(work_dir: Union[str, Path]) -> list[dict]:
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
    rows: list[dict] = []
    for run in runs:
        placed = [row for line in run for row in _placed(line, length)]
        begin = min((row['epoch'] for row in placed), default=math.inf)
        rows = [row for row in rows if row['epoch'] < begin] + placed
    return rows


def draw_curves(rows: Sequence[dict], title: str = '') -> Figure:
    """Draw losses, retrieval scores and label quality over epochs.

    There are one to four panels: one without a value is left out.

    Raises:
        ValueError: there is nothing to draw.
    """
    curves = _curves(rows)
    panels = {
        'losses': {k: v for k, v in curves.items() if k.startswith('loss')},
        'retrieval': {k: v for k, v in curves.items()
                      if k.endswith(('/mAP', '/rank-1'))},
        'label quality': _label_curves(curves, QUALITY),
        'clusters': _label_curves(curves, ('clusters', )),
    }
    panels = {name: drawn for name, drawn in panels.items() if drawn}
    if not panels:
        raise ValueError('there are neither losses nor scores nor pseudo '
                         'labels to draw')
    end = max(at for drawn in panels.values() for points in drawn.values()
              for at, _ in points)
    shape = math.ceil(len(panels) / 2), min(len(panels), 2)
    figure = new_figure(10, 3.2 * shape[0] + 0.4)
    figure.suptitle(title)
    places = figure.subplots(*shape, squeeze=False).flat
    for (name, drawn), axes in zip(panels.items(), places):
        for key, points in drawn.items():
            axes.plot(*np.array(points).T, label=key, linewidth=1.5,
                      marker='o' if len(points) < 30 else None, markersize=3)
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


def _read_lines(file: Path) -> list[dict]:
    lines, rows = file.read_text().split('\n'), []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(f'{file}, line {number}: no JSON, as MMEngine '
                             f'writes it: {error}') from error
    return rows


def _epoch_lengths(run: list[dict]) -> Iterator[tuple[bool, int]]:
    """Yield (whether it is sure, iterations of an epoch), if a run tells."""
    rows = [row for row in run if 'iter' in row]
    if not rows:
        return
    first: dict[int, int] = {}
    for row in rows:
        first.setdefault(row['epoch'], row['iter'])
    begin, end = min(first), max(first)
    if end > begin:  # LoggerHook logs the same iterations of every epoch
        yield True, (first[end] - first[begin]) // (end - begin)
    else:
        yield False, math.ceil(rows[-1]['iter'] / rows[-1]['epoch'])


def _placed(row: dict, length: int) -> Iterator[dict]:
    """Yield a row with its place, if it is of a kind that is drawn."""
    step = row['step']
    if 'iter' in row:
        yield dict(row, at=row['iter'] / length)
    elif any(key.startswith(LABELS) for key in row):
        yield dict(row, at=step / length, epoch=step // length + 1)
    elif any(key.endswith('/mAP') for key in row):
        yield dict(row, at=step, epoch=step)


def _curves(rows: Sequence[dict]) -> dict[str, list[tuple]]:
    """Points (epoch, value) of each key that has finite values."""
    curves: dict[str, list[tuple]] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, (int, float)) and math.isfinite(value):
                curves.setdefault(key, []).append((row['at'], value))
    return curves


def _label_curves(curves: dict[str, list[tuple]],
                  kinds: Collection[str]) -> dict[str, list[tuple]]:
    """Curves of the pseudo labels, by domain and kind."""
    return {
        key[len(LABELS):]: points
        for key, points in curves.items()
        if key.startswith(LABELS) and key.rpartition('/')[2] in kinds
    }
