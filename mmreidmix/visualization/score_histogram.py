"""Cosines of the same person beside those of different people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.verification import (
    PairHistogram,
    pair_histogram,
)

from .pictures import Axes, Figure, new_figure
from .run_curves import run_names

MOST_PANELS = 60
# Told apart also by those who see no red or no green.
_COLOURS = {'genuine': '#0072b2', 'impostor': '#e69f00'}
#: Pairs by the name of the file and of the domain.
Histograms = Mapping[str, Mapping[str, PairHistogram]]


def read_pair_histograms(
        files: Sequence[Union[str, Path]],
        domains: Optional[Sequence[str]] = None,
        *,
        cross_camera: bool = True) -> dict[str, dict[str, PairHistogram]]:
    """Count the pairs of some domains of several files of features.

    The rules are those of :func:`pair_histogram`. One file is in memory at a
    time.

    Args:
        files (Sequence[str | Path]): what ReIDMetric saved.
        domains (Sequence[str], optional): names; all by default.
        cross_camera (bool): count pairs of different cameras only.

    Returns:
        dict[str, dict[str, PairHistogram]]: pairs by domain, for each file by
        its name, which is that of :func:`run_names`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is broken or given twice, lacks a domain that
            is named or that the first file has, has one that the first file
            lacks, or :func:`pair_histogram` refuses it.
    """
    found: dict[str, dict[str, PairHistogram]] = {}
    wanted = domains
    for file, name in zip(files, run_names(files)):
        table = FeatureTable.load(file)
        own = table.domains.tolist()
        if wanted is None:
            wanted = own
        if domains is None and set(own) != set(wanted):
            raise ValueError(
                f'{file} has the domains {own}, {files[0]} has {wanted}: name '
                'some that all files have by --domains')
        try:
            found[name] = {
                domain: pair_histogram(table.query_gallery(
                    domain, cross_camera=cross_camera)) for domain in wanted
            }
        except ValueError as error:
            raise ValueError(f'{file}: {error}') from error
    return found


def describe_pairs(pairs: PairHistogram, bins: int = 128) -> str:
    """Numbers of pairs, means and overlap, as a line of text."""
    genuine, impostor = pairs.means()
    return (f'{pairs.genuine_pairs:,} genuine pairs, mean {genuine:.4f}; '
            f'{pairs.impostor_pairs:,} impostor pairs, mean {impostor:.4f}; '
            f'overlap {pairs.overlap(bins):.4f} in {bins} bins; left out: '
            f'{pairs.junk:,} junk images, {pairs.same_camera:,} pairs of one '
            'camera')


def draw_score_histograms(histograms: Histograms, bins: int = 128) -> Figure:
    """Draw a row per file and a column per domain.

    Args:
        histograms (Histograms): of :func:`read_pair_histograms`; all files
            have the same domains.
        bins (int): from the cosine -1 to 1, see :meth:`PairHistogram.shares`.

    Raises:
        ValueError: a wrong number of bins, or too many panels.
    """
    domains = list(next(iter(histograms.values())))
    number = len(histograms) * len(domains)
    if number > MOST_PANELS:
        raise ValueError(
            f'{len(histograms)} files of {len(domains)} domains are {number} '
            f'panels, more than the {MOST_PANELS} of a picture; name fewer '
            'files or domains')
    figure = new_figure(6 * len(domains), 2.6 * len(histograms) + 0.4)
    places = figure.subplots(
        len(histograms), len(domains), sharex=True, squeeze=False)
    edges = np.linspace(-1, 1, bins + 1)
    used = np.zeros(bins, bool)
    for row, (name, own) in zip(places, histograms.items()):
        for axes, domain in zip(row, domains):
            used |= _draw_panel(axes, own[domain], edges)
            axes.set_title(f'{name}, {domain}: overlap '
                           f'{own[domain].overlap(bins):.4f}', fontsize=10,
                           parse_math=False)
        row[0].set_ylabel('share of the pairs')
    shown = np.flatnonzero(used)
    places[0, 0].set_xlim(edges[shown[0]], edges[shown[-1] + 1])
    for axes in places[-1]:
        axes.set_xlabel('cosine')
    return figure


def _draw_panel(axes: Axes, pairs: PairHistogram,
                edges: np.ndarray) -> np.ndarray:
    """Draw both kinds of pairs; returns which bins have any."""
    shares = pairs.shares(len(edges) - 1)
    numbers = pairs.genuine_pairs, pairs.impostor_pairs
    for (kind, colour), share, mean, number in zip(
            _COLOURS.items(), shares, pairs.means(), numbers):
        axes.stairs(share, edges, fill=True, alpha=0.5, color=colour,
                    label=f'{number:,} {kind}, mean {mean:.4f}')
        axes.axvline(mean, color=colour, linestyle='--', linewidth=1)
    axes.legend(fontsize=8)
    return (shares[0] + shares[1]) > 0
