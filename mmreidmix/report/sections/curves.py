"""Losses, scores and label quality over epochs."""

from collections.abc import Sequence

from mmreidmix.visualization import draw_curves
from mmreidmix.visualization.pictures import Axes

from ..data_uri import figure_uri
from ..page_blocks import Picture, Pictures, Table
from ..work_dir import Options, WorkDir

#: inches; wide enough for the legend below, legible on a phone
SIZE = (5, 4.4)


def curves(work: WorkDir, options: Options) -> list:
    """A picture of each panel and its last values as a table.

    Raises:
        FileNotFoundError, ValueError: there are no scalars.
    """
    shown, values = [], []
    for panel in draw_curves(work.scalars).axes:
        title = panel.get_title()
        axes = _panel(work.scalars, title)
        lines = [(str(line.get_label()), line.get_xdata(), line.get_ydata())
                 for line in axes.lines]
        names = ', '.join(name for name, _, _ in lines)
        alt = (f'Line chart, {title} over epochs: {names}. '
               'The last values are in the table below.')
        shown.append(Picture(figure_uri(axes.figure), alt,
                             f'{title} over epochs'))
        values += [
            [title, name,
             *(f'{v:.4g}' for v in (x[-1], y[-1], min(y), max(y)))]
            for name, x, y in lines
        ]
    return [
        Pictures(shown),
        Table('Last values of the curves, and their range',
              ['curve of', 'name', 'epoch', 'last', 'lowest', 'highest'],
              values),
    ]


def _panel(rows: Sequence[dict], title: str) -> Axes:
    """One panel alone in its figure, legible at the width of a phone."""
    figure = draw_curves(rows)
    panel, = [axes for axes in figure.axes if axes.get_title() == title]
    for axes in figure.axes:
        if axes is not panel:
            axes.remove()
    panel.set_subplotspec(figure.add_gridspec(1, 1)[0])
    figure.set_size_inches(*SIZE)
    return panel
