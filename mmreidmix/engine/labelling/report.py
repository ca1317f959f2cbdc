"""Label quality, to the log and the visualizer."""

from collections.abc import Mapping
from typing import Any

from mmreidmix.pseudo_labels import collapse_warning


def report_labels(runner: Any,
                  kind: str,
                  name: str,
                  quality: Mapping[str, float],
                  ending: str,
                  scalars: Mapping[str, float] = {}) -> None:  # noqa: B006
    """Say how good the labels of a domain are.

    Args:
        runner (Runner): its log and visualizer.
        kind (str): what was labelled, for the first words of the line.
        name (str): of the domain.
        quality (Mapping[str, float]): see
            :func:`mmreidmix.pseudo_labels.describe_clustering`.
        ending (str): what else the line says.
        scalars (Mapping[str, float]): what else the visualizer shows.
    """
    where = f'{kind} of {name}, epoch {runner.epoch + 1}: '
    shown = ', '.join(f'{k} {v:.5g}' for k, v in quality.items()
                      if v or not k.startswith('size_hist/'))
    runner.logger.info(f'{where}{shown}; {ending}')
    warning = collapse_warning(quality)
    if warning:
        runner.logger.warning(where + warning)
    runner.visualizer.add_scalars(
        {
            f'pseudo_labels/{name}/{k}': float(v)
            for k, v in {**scalars, **quality}.items()
        },
        step=runner.iter)


def seconds_text(seconds: Mapping[str, float]) -> str:
    """Durations as text."""
    return 'seconds: ' + ', '.join(f'{k} {v:.2f}' for k, v in seconds.items())
