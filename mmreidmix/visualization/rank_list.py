"""Rank lists as pictures: each query beside the first images of its list."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.ranking import rank, top_matches

from .image_grid import FAINT, FRAME, PAPER, Sheet
from .pictures import AnyPath, RGBImage, file_name, save_picture

# Okabe and Ito: told apart by those who see no red or no green, too.
RIGHT, WRONG, QUERY = '#009e73', '#d55e00', '#0072b2'
# Strokes (x, y) of the marks inside a square of 18 pixels.
TICK = [[(3, 9), (7, 13), (14, 4)]]
CROSS = [[(4, 4), (13, 13)], [(4, 13), (13, 4)]]


def draw_rank_lists(query_paths: Sequence[AnyPath],
                    gallery_paths: Sequence[AnyPath],
                    indices: np.ndarray,
                    correct: Optional[np.ndarray],
                    scores: np.ndarray,
                    *,
                    query_notes: Sequence[str] = (),
                    gallery_notes: Sequence[str] = (),
                    title: str = '',
                    size: tuple[int, int] = (80, 160)) -> RGBImage:
    """Draw one row per query: the query, then its list from the best on.

    A green frame with a tick is a match, an orange one with a cross is none.
    The score and a note stand under each image. An orange bar beside the
    query says that the first image is wrong.

    Args:
        query_paths (Sequence[str | Path]): image files, length Nq.
        gallery_paths (Sequence[str | Path]): image files.
        indices (np.ndarray): positions in ``gallery_paths``, shape (Nq, k),
            -1 = nothing there.
        correct (np.ndarray, optional): whether the image is a match, shape
            (Nq, k); None = not known: all frames are grey, without marks.
        scores (np.ndarray): shape (Nq, k).
        query_notes (Sequence[str]): lines under each query; none by default.
        gallery_notes (Sequence[str]): a line per gallery image; none by
            default.
        title (str): a line above everything.
        size (tuple[int, int]): width and height of an image, pixels. Images
            keep their aspect ratio.

    Raises:
        ValueError: there is no query, or the shapes do not agree.
        OSError: an image can not be read; the message names it.
    """
    shape = np.shape(indices)
    known = correct is not None
    matches = np.ones(shape, bool) if correct is None else correct
    if not shape or not shape[0] or np.shape(matches) != shape or np.shape(
            scores) != shape or len(query_paths) != shape[0]:
        raise ValueError(
            'indices, correct and scores must have one shape (Nq, k) with Nq '
            f'query paths, Nq above 0; got {shape}, {np.shape(matches)}, '
            f'{np.shape(scores)} and {len(query_paths)} paths')
    notes = [note.split('\n') for note in query_notes or [''] * shape[0]]
    sheet = Sheet(shape[0], shape[1] + 1, size, title,
                  lines=max(2, *map(len, notes)), gaps=(1, ))
    for column in range(shape[1] + 1):
        sheet.name_column(column, str(column or 'query'))
    for row, path in enumerate(query_paths):
        sheet.paste(row, 0, path, QUERY, notes[row])
        if known and not matches[row][0]:
            _mark_row(sheet, row)
        found = zip(indices[row], matches[row], scores[row])
        for column, (index, match, score) in enumerate(found, start=1):
            if index < 0:
                continue
            lines = [f'{score:.3f}']
            if gallery_notes:
                lines.append(gallery_notes[index])
            colour = (RIGHT if match else WRONG) if known else FAINT
            sheet.paste(row, column, gallery_paths[index], colour, lines)
            if known:
                _mark_image(sheet, row, column, match)
    return sheet.pixels


def domain_rank_lists(table: FeatureTable,
                      domain: str,
                      *,
                      topk: int = 10,
                      num: int = 20,
                      seed: int = 0,
                      metric: str = 'cosine',
                      cross_camera: bool = True,
                      root: AnyPath = '') -> RGBImage:
    """Draw rank lists of a seeded sample of the queries that have a match.

    Args:
        table (FeatureTable): what ReIDMetric saved.
        domain (str): name of a domain.
        topk (int): images per list.
        num (int): queries.
        seed (int): of the sample.
        metric (str): 'cosine' or 'euclidean'.
        cross_camera (bool): as in :func:`rank`.
        root (str | Path): folder that relative image paths start from.

    Raises:
        ValueError: unknown domain, or no query has a match.
        OSError: an image can not be read.
    """
    options: dict[str, Any] = dict(metric=metric, cross_camera=cross_camera)
    query, gallery = table.rows_of(domain)
    result = rank(table.query_gallery(domain, **options))
    valid = np.flatnonzero(result.first_match_rank >= 0)
    picked = np.sort(np.random.default_rng(seed).permutation(valid)[:num])
    chosen = query[picked]
    indices, scores, correct = top_matches(
        table.query_gallery(domain, chosen, gallery, **options), topk)
    first = result.first_match_rank[picked] + 1
    summary = result.summary()
    return draw_rank_lists(
        [Path(root, p) for p in table.img_path[chosen]],
        [Path(root, p) for p in table.img_path[gallery]],
        indices, correct, scores,
        query_notes=[
            f'id {table.pids[i]}\ncam {table.camids[i]}\nmatch at {f:,}'
            for i, f in zip(chosen, first)
        ],
        gallery_notes=[f'cam {c}' for c in table.camids[gallery]],
        title=f'{domain}: {len(picked)} of {len(query)} queries '
        f'(seed {seed}), {metric}; all queries: rank-1 '
        f'{summary["rank-1"]:.1%}, mAP {summary["mAP"]:.1%}')


def draw_table(table: FeatureTable,
               out_dir: AnyPath,
               domains: Optional[Sequence[str]] = None,
               **options: Any) -> list[Path]:
    """Write the rank lists of some domains, all by default.

    Each gets a file ``<domain>.png`` in the folder. The options are those of
    :func:`domain_rank_lists`.
    """
    names = table.domains.tolist() if domains is None else domains
    return [
        save_picture(
            domain_rank_lists(table, name, **options),
            Path(out_dir, file_name(name) + '.png')) for name in names
    ]


def _mark_image(sheet: Sheet, row: int, column: int, match: bool) -> None:
    """Say right or wrong by shape too, for those who see no red."""
    x, y = sheet.corner(row, column)
    sheet.draw.rectangle((x, y, x + 17, y + 17), RIGHT if match else WRONG)
    for stroke in TICK if match else CROSS:
        sheet.draw.line([(x + a, y + b) for a, b in stroke], PAPER, 2)


def _mark_row(sheet: Sheet, row: int) -> None:
    x, y = sheet.corner(row, 0)
    sheet.draw.rectangle(
        (x - 12, y, x - 7, y + sheet.size[1] + 2 * FRAME - 1), WRONG)
