"""Losses, scores and label quality over epochs."""

from mmreidmix.report.page_blocks import Picture, Pictures, Table
from mmreidmix.visualization import draw_curves

from ..data_uri import figure_uri

#: inches; wide enough for the legend, letters still legible on a phone
SIZE = (5, 3.4)


def curves(work, options) -> list:
    """A picture of each panel and its last values as a table.

    Raises:
        FileNotFoundError, ValueError: there are no scalars.
    """
    titles = [axes.get_title() for axes in draw_curves(work.scalars).axes]
    panels = [_panel(work.scalars, title) for title in titles]
    values = [
        [title, line.get_label(), f'{line.get_xdata()[-1]:.4g}',
         f'{line.get_ydata()[-1]:.4g}', f'{min(line.get_ydata()):.4g}',
         f'{max(line.get_ydata()):.4g}']
        for title, (_, axes) in zip(titles, panels)
        for line in axes.lines
    ]
    return [
        Pictures([
            Picture(figure_uri(figure), _alt(axes), f'{title} over epochs')
            for title, (figure, axes) in zip(titles, panels)
        ]),
        Table('Last values of the curves, and their range',
              ['curve of', 'name', 'epoch', 'last', 'lowest', 'highest'],
              values),
    ]


def _panel(rows, title: str) -> tuple:
    """A figure with one panel alone, legible at the width of a phone."""
    figure = draw_curves(rows)
    kept, = [axes for axes in figure.axes if axes.get_title() == title]
    for axes in figure.axes:
        if axes is not kept:
            axes.remove()
    kept.set_subplotspec(figure.add_gridspec(1, 1)[0])
    figure.set_size_inches(*SIZE)
    return figure, kept


def _alt(axes) -> str:
    names = ', '.join(str(line.get_label()) for line in axes.lines)
    return (f'Line chart, {axes.get_title()} over epochs: {names}. '
            'The last values are in the table below.')
