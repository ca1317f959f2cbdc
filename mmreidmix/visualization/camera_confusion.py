"""Which cameras are mixed up with which."""

from dataclasses import dataclass

import numpy as np

from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.ranking import rank, top_matches

from .pictures import new_figure


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

    Returns:
        CameraConfusion: by camera pair.

    Raises:
        ValueError: unknown domain, or no query has a match.
    """
    options = dict(metric=metric, cross_camera=cross_camera)
    query, gallery = table.sides(domain)
    gallery = gallery[table.pids[gallery] >= 0]
    cameras = np.unique(table.camids[np.concatenate([query, gallery])])
    first = table.rank(domain, **options).first_match_rank
    valid = np.searchsorted(cameras, table.camids[query[first >= 0]])
    result = CameraConfusion(
        cameras,
        np.bincount(valid, minlength=len(cameras)),
        np.zeros((len(cameras), ) * 2, np.int64),
        np.full((len(cameras), ) * 2, np.nan))
    wrong = query[first > 0]
    if len(wrong):
        found = table.compare(top_matches, wrong, gallery, k=1, **options)[0]
        pair = [
            np.searchsorted(cameras, table.camids[rows])
            for rows in (wrong, gallery[found[:, 0]])
        ]
        np.add.at(result.wrong_first, tuple(pair), 1)
    for i, j in np.ndindex(result.mean_ap.shape):
        if cross_camera and i == j:
            continue
        result.mean_ap[i, j] = _mean_ap(
            table, query[table.camids[query] == cameras[i]],
            gallery[table.camids[gallery] == cameras[j]], options)
    return result


def draw_camera_confusion(confusion: CameraConfusion, title: str = ''):
    """Draw both matrices with their numbers, in percent.

    Args:
        confusion (CameraConfusion): of :func:`camera_confusion`.
        title (str): a line above everything.

    Returns:
        matplotlib.figure.Figure: two panels.
    """
    side = 2.2 + 0.55 * len(confusion.cameras)
    figure = new_figure(max(2 * side, 10), max(side, 4))
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    errors = confusion.wrong_first.sum(1)
    _matrix(left, confusion.wrong_share, 'Reds',
            'where the wrong first images come from, %', [
                f'{camera} ({wrong:,} of {queries:,})'
                for camera, wrong, queries in zip(
                    confusion.cameras, errors, confusion.queries)
            ], confusion.cameras)
    left.set_ylabel('camera of the query (wrong of all)')
    _matrix(right, confusion.mean_ap, 'Greens', 'mAP of the pair, %',
            confusion.cameras, confusion.cameras)
    right.set_ylabel('camera of the query')
    return figure


def _mean_ap(table: FeatureTable, query: np.ndarray, gallery: np.ndarray,
             options: dict) -> float:
    """The mAP of some rows, NaN where no query has a match."""
    if not np.isin(table.pids[query], table.pids[gallery]).any():
        return np.nan
    return table.compare(rank, query, gallery, **options).summary()['mAP']


def _matrix(axes, values: np.ndarray, colours: str, title: str, rows,
            columns) -> None:
    from matplotlib import colormaps
    colour = colormaps[colours].with_extremes(bad='#f0f0f0')
    axes.imshow(values, cmap=colour, vmin=0, vmax=1, aspect='auto')
    for (row, column), value in np.ndenumerate(values):
        text = '-' if np.isnan(value) else f'{100 * value:.0f}'
        axes.text(column, row, text, ha='center', va='center', fontsize=9,
                  color='white' if value > 0.6 else 'black')
    axes.set(
        title=title,
        xlabel='camera of the gallery image',
        xticks=np.arange(len(columns)),
        yticks=np.arange(len(rows)))
    axes.set_xticklabels([str(c) for c in columns])
    axes.set_yticklabels([str(r) for r in rows])
