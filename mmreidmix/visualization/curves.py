"""Curves of a training, from what MMEngine's local back end writes."""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np

from .pictures import Axes, Figure, new_figure

LABELS = 'pseudo_labels/'
QUALITY = ('pair_precision', 'pair_recall', 'ari', 'stability', 'noise_share',
           'camera_purity')
#: Points by name: epochs and values.
Curves = Mapping[str, Sequence[tuple[float, float]]]
#: Keys that say where a row is.
PLACES = ('at', 'epoch', 'iter', 'step')
_LINES = ('-', '--', ':', '-.')


def read_scalars(work_dir: Union[str, Path]) -> list[dict]:
    """Read ``*/vis_data/scalars.json`` of all runs in a work dir.

    A later run, resumed or started again, takes the place of what earlier
    ones wrote from its first epoch on. A last line that is still being
    written is left out.

    Args:
        work_dir (str | Path): of a training.

    Returns:
        list[dict]: rows of training losses, of a validation, of label quality
        and whatever else hooks log, each with its position ``'at'`` in
        epochs: a loss at its iteration, a validation behind its epoch, pseudo
        labels where they begin to be used. The length of an epoch is known
        once a second epoch was logged; before, the last logged iteration
        counts as the end.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is no JSON, or no epoch and iteration was logged.
    """
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    if not files:
        raise FileNotFoundError(
            f'no */vis_data/scalars.json in {work_dir}: name the work dir of '
            'a training whose visualizer has a LocalVisBackend')
    runs = [_read_lines(file) for file in files]
    lengths = [length for run in runs for length in _epoch_lengths(run)]
    if not lengths:
        raise ValueError(f'no training iteration was logged in {work_dir} '
                         'yet, or not by epoch')
    length = max(lengths)[1]
    rows: list[dict] = []
    for run in runs:
        placed = [_placed(row, length) for row in run]
        begin = min((row['epoch'] for row in placed), default=math.inf)
        rows = [row for row in rows if row['epoch'] < begin] + placed
    return rows


def draw_curves(rows: Sequence[dict], title: str = '') -> Figure:
    """Draw losses, retrieval scores and label quality over epochs.

    There are one to four panels: one without a value is left out.

    Raises:
        ValueError: there is nothing to draw.
    """
    curves = points_by_key(rows)
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
    end = last_epoch(panels.values())
    shape = math.ceil(len(panels) / 2), min(len(panels), 2)
    figure = new_figure(10, 4.2 * shape[0] + 0.4)
    figure.suptitle(title)
    places = figure.subplots(*shape, squeeze=False).flat
    units = {'losses': 'loss', 'clusters': 'clusters'}
    for (name, drawn), axes in zip(panels.items(), places):
        draw_panel(axes, drawn, styles(drawn), end,
                   title=name, ylabel=units.get(name, 'value (0 to 1)'))
        if name in ('retrieval', 'label quality'):
            axes.set_ylim(top=1.03)
        axes.legend(fontsize=7, ncols=2, loc='upper center',
                    bbox_to_anchor=(0.5, -0.16))
    for axes in places:  # an odd number of panels leaves one
        axes.remove()
    return figure


def last_epoch(panels: Collection[Curves]) -> float:
    """Where the longest curve of some panels ends."""
    return max(at for drawn in panels for points in drawn.values()
               for at, _ in points)


def draw_panel(axes: Axes, curves: Curves, styles: Mapping[str, dict],
               end: float, **labels: str) -> None:
    """Draw curves from epoch 0 to the end; 0 is always in sight."""
    for name, points in curves.items():
        axes.plot(*np.array(points).T, label=name, linewidth=1.5, markersize=3,
                  marker='o' if len(points) < 30 else None, **styles[name])
    values = [value for points in curves.values() for _, value in points]
    lowest, highest = min(0, *values), max(0, *values)
    room = 0.05 * (highest - lowest) or 1
    axes.set(xlabel='epoch', xlim=(0, 1.02 * end), **labels,
             ylim=(lowest - room * (lowest < 0), highest + room))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)


def styles(names: Collection[str]) -> dict[str, dict[str, Any]]:
    """Colour and line of each curve of a panel.

    Of ``<domain>/<kind>`` the one of which there are more has the colours,
    the other the lines.
    """
    from matplotlib import colormaps
    colours = colormaps['tab10'].colors
    parts = {name: name.rpartition('/')[::2] for name in names}
    groups = [list(dict.fromkeys(part)) for part in zip(*parts.values())]
    more = int(len(groups[1]) >= len(groups[0]))
    found = {}
    for name, part in parts.items():
        colour, line = (groups[side].index(part[side])
                        for side in (more, 1 - more))
        found[name] = dict(color=colours[colour % 10],
                           linestyle=_LINES[(line + colour // 10) % 4])
    return found


def points_by_key(rows: Sequence[dict]) -> dict[str, list[tuple]]:
    """Points (epoch, value) of each key that has finite values.

    The times of a validation have the names of those of the training; they
    are left out.
    """
    curves: dict[str, list[tuple]] = {}
    for row in rows:
        left_out = PLACES if 'iter' in row else (*PLACES, 'time', 'data_time')
        for key, value in row.items():
            if key not in left_out and isinstance(value, (int, float)) and (
                    math.isfinite(value)):
                curves.setdefault(key, []).append((row['at'], value))
    return curves


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
    rows = [row for row in run if 'iter' in row and 'epoch' in row]
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


def _placed(row: dict, length: int) -> dict:
    """A row with its place."""
    step = row['step']
    if 'iter' in row:
        return dict(row, at=row['iter'] / length)
    # A hook counts iterations, a validation epochs: it alone has a time.
    if 'data_time' in row or any(key.endswith('/mAP') for key in row):
        return dict(row, at=step, epoch=step)
    labels = any(key.startswith(LABELS) for key in row)
    # Labels begin an epoch, other hooks log what they have seen.
    epoch = step // length + 1 if labels else math.ceil(step / length)
    return dict(row, at=step / length, epoch=epoch)


def _label_curves(curves: dict[str, list[tuple]],
                  kinds: Collection[str]) -> dict[str, list[tuple]]:
    """Curves of the pseudo labels, by domain and kind."""
    names = sorted(key[len(LABELS):] for key in curves
                   if key.startswith(LABELS))
    domains = dict.fromkeys(name.rpartition('/')[0] for name in names)
    return {
        f'{domain}/{kind}': curves[f'{LABELS}{domain}/{kind}']
        for domain in domains for kind in kinds
        if f'{domain}/{kind}' in names
    }
