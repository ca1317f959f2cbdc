"""Which cameras are mixed up with which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.ranking import rank, top_matches

from .pictures import Axes, Figure, new_figure


@dataclass(frozen=True)
class CameraConfusion:
    """Scores of one domain by camera of query (row) and gallery (column).

    Attributes:
        cameras (np.ndarray): camera numbers, sorted, shape (C,).
        queries (np.ndarray): queries of each camera that have a match in the
            whole gallery, shape (C,).
        wrong_first (np.ndarray): those whose first image is wrong, by the
            camera of that image, shape (C, C).
        mean_ap (np.ndarray): mAP of the queries of camera i against the
            gallery images of camera j alone, over those that have a match
            there; NaN where none has, shape (C, C).
    """

    cameras: np.ndarray
    queries: np.ndarray
    wrong_first: np.ndarray
    mean_ap: np.ndarray

    @property
    def wrong_share(self) -> np.ndarray:
        """Share of a row's wrong first images that camera j has, (C, C).

        NaN where a camera's queries make no error.
        """
        total = self.wrong_first.sum(1, keepdims=True)
        return np.where(total > 0, self.wrong_first / np.maximum(total, 1),
                        np.nan)


def camera_confusion(table: FeatureTable,
                     domain: str,
                     *,
                     metric: str = 'cosine',
                     cross_camera: bool = True) -> CameraConfusion:
    """Score every pair of cameras of a domain.

    The rules are those of :mod:`mmreidmix.evaluation.functional.ranking`. With
    ``cross_camera=True`` the mAP of a camera against itself is NaN.

    Args:
        table (FeatureTable): what ReIDMetric saved.
        domain (str): name of a domain.
        metric (str): 'cosine' or 'euclidean'.
        cross_camera (bool): as in :func:`rank`.

    Raises:
        ValueError: unknown domain, or no query has a match.
    """
    options: dict[str, Any] = dict(metric=metric, cross_camera=cross_camera)
    query, gallery = table.rows_of(domain)
    gallery = gallery[table.pids[gallery] >= 0]
    cameras = np.unique(table.camids[np.concatenate([query, gallery])])
    first = rank(table.query_gallery(domain, **options)).first_match_rank

    camera = np.searchsorted(cameras, table.camids)
    shape = len(cameras), len(cameras)
    wrong_first, mean_ap = np.zeros(shape, np.int64), np.full(shape, np.nan)
    wrong = query[first > 0]
    if len(wrong):
        found = top_matches(
            table.query_gallery(domain, wrong, gallery, **options), 1)[0]
        np.add.at(wrong_first,
                  (camera[wrong], camera[gallery[found[:, 0]]]), 1)
    for i, j in np.ndindex(shape):
        own, other = query[camera[query] == i], gallery[camera[gallery] == j]
        has_match = np.isin(table.pids[own], table.pids[other]).any()
        if has_match and not (cross_camera and i == j):
            images = table.query_gallery(domain, own, other, **options)
            mean_ap[i, j] = rank(images).summary()['mAP']
    queries = np.bincount(camera[query[first >= 0]], minlength=len(cameras))
    return CameraConfusion(cameras, queries, wrong_first, mean_ap)


def draw_camera_confusion(confusion: CameraConfusion,
                          title: str = '') -> Figure:
    """Draw both matrices with their numbers, in percent."""
    side = 2.2 + 0.55 * len(confusion.cameras)
    figure = new_figure(max(2 * side, 10), max(side, 4))
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    cameras = [str(camera) for camera in confusion.cameras]
    errors = [
        f'{camera} ({wrong:,} of {queries:,})' for camera, wrong, queries in
        zip(cameras, confusion.wrong_first.sum(1), confusion.queries)
    ]
    _draw_matrix(left, confusion.wrong_share, 'Reds', errors, cameras)
    left.set(title='where the wrong first images come from, %',
             ylabel='camera of the query (wrong of all)')
    _draw_matrix(right, confusion.mean_ap, 'Greens', cameras, cameras)
    right.set(title='mAP of the pair, %', ylabel='camera of the query')
    return figure


def _draw_matrix(axes: Axes, values: np.ndarray, colours: str,
                 rows: Sequence[str], columns: Sequence[str]) -> None:
    from matplotlib import colormaps
    colour = colormaps[colours].with_extremes(bad='#f0f0f0')
    axes.imshow(values, cmap=colour, vmin=0, vmax=1, aspect='auto')
    for (row, column), value in np.ndenumerate(values):
        text = '-' if np.isnan(value) else f'{100 * value:.0f}'
        axes.text(column, row, text, ha='center', va='center', fontsize=9,
                  color='white' if value > 0.6 else 'black')
    axes.set_xlabel('camera of the gallery image')
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
