"""Rank lists as pictures: each query beside the first images of its list."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.ranking import top_matches

PAPER, INK, FAINT, BACKDROP = '#ffffff', '#202020', '#707070', '#e8e8e8'
RIGHT, WRONG, QUERY = '#16923c', '#d62a2a', '#2b5fb8'
FRAME, GAP, MARGIN, LINE = 4, 10, 20, 17


def draw_rank_lists(query_paths: Sequence,
                    gallery_paths: Sequence,
                    indices: np.ndarray,
                    correct: np.ndarray,
                    scores: np.ndarray,
                    out_file,
                    *,
                    query_notes: Optional[Sequence] = None,
                    gallery_notes: Optional[Sequence] = None,
                    title: str = '',
                    size: tuple = (80, 160)) -> Path:
    """Draw one row per query: the query, then its list from the best on.

    A green frame with a tick is a match, a red one with a cross is none; the
    score and a note stand under each image. A red bar beside the query says
    that the first image is wrong.

    Args:
        query_paths (Sequence): image files of the queries, length Nq.
        gallery_paths (Sequence): image files of the gallery.
        indices (np.ndarray): positions in ``gallery_paths``, shape (Nq, k),
            -1 = nothing there.
        correct (np.ndarray): whether the image is a match, shape (Nq, k).
        scores (np.ndarray): shape (Nq, k).
        out_file (str or Path): the picture; its folder is made.
        query_notes (Sequence[str], optional): up to two lines per query.
        gallery_notes (Sequence[str], optional): a line per gallery image.
        title (str): a line above everything.
        size (tuple[int, int]): width and height of an image, pixels. Images
            keep their aspect ratio.

    Returns:
        Path: the picture.

    Raises:
        ValueError: there is no query, or the shapes do not agree.
        OSError: an image can not be read; the message names it.
    """
    shape = np.shape(indices)
    if not shape or not shape[0] or np.shape(correct) != shape or np.shape(
            scores) != shape or len(query_paths) != shape[0]:
        raise ValueError(
            'indices, correct and scores must have one shape (Nq, k) with Nq '
            f'query paths, Nq above 0; got {shape}, {np.shape(correct)}, '
            f'{np.shape(scores)} and {len(query_paths)} paths')
    sheet = _Sheet(*shape, size, title)
    for row, path in enumerate(query_paths):
        wrong_first = not correct[row][0]
        notes = query_notes[row].split('\n') if query_notes else []
        sheet.paste(row, 0, path, QUERY, notes)
        if wrong_first:
            sheet.mark_row(row)
        for column in range(shape[1]):
            index = indices[row][column]
            if index < 0:
                continue
            match = bool(correct[row][column])
            notes = [f'{scores[row][column]:.3f}']
            if gallery_notes:
                notes.append(gallery_notes[index])
            sheet.paste(row, column + 1, gallery_paths[index],
                        RIGHT if match else WRONG, notes)
            sheet.badge(row, column + 1, match)
    out_file = Path(out_file)
    out_file.parent.mkdir(parents=True, exist_ok=True)
    sheet.image.save(out_file)
    return out_file


def draw_table(table: FeatureTable,
               out_dir,
               domains: Optional[Sequence] = None,
               *,
               topk: int = 10,
               num: int = 20,
               seed: int = 0,
               metric: str = 'cosine',
               cross_camera: bool = True,
               root: str = '') -> list:
    """Draw rank lists of a seeded sample of the queries that have a match.

    Args:
        table (FeatureTable): what ReIDMetric saved.
        out_dir (str or Path): gets one ``<domain>.png`` each.
        domains (Sequence[str], optional): names; all by default.
        topk (int): images per list.
        num (int): queries per domain.
        seed (int): of the sample.
        metric (str): 'cosine' or 'euclidean'.
        cross_camera (bool): as in :func:`rank`.
        root (str): folder that relative image paths start from.

    Returns:
        list[Path]: the pictures.

    Raises:
        ValueError: unknown domain, or no query has a match.
        OSError: an image can not be read.
    """
    options = {'metric': metric, 'cross_camera': cross_camera}
    names = table.domains.tolist() if domains is None else list(domains)
    files = []
    for name in names:
        query, gallery = table.sides(name)
        result = table.rank(name, **options)
        valid = np.flatnonzero(result.first_match_rank >= 0)
        picked = np.sort(
            np.random.default_rng(seed).permutation(valid)[:num])
        chosen = query[picked]
        indices, scores, correct = table.compare(
            top_matches, chosen, gallery, k=topk, **options)
        first = result.first_match_rank[picked] + 1
        summary = result.summary()
        files.append(
            draw_rank_lists(
                [Path(root, p) for p in table.img_path[chosen]],
                [Path(root, p) for p in table.img_path[gallery]],
                indices,
                correct,
                scores,
                Path(out_dir, name.replace('/', '_') + '.png'),
                query_notes=[
                    f'id {table.pids[i]} cam {table.camids[i]}\nmatch at {f}'
                    for i, f in zip(chosen, first)
                ],
                gallery_notes=[f'cam {c}' for c in table.camids[gallery]],
                title=f'{name}: {len(picked)} of {len(query)} queries '
                f'(seed {seed}), {metric}; all queries: rank-1 '
                f'{summary["rank-1"]:.1%}, mAP {summary["mAP"]:.1%}'))
    return files


class _Sheet:
    """A grid of framed images with notes under them."""

    def __init__(self, rows: int, columns: int, size: tuple, title: str):
        self.size = size
        self.step = (size[0] + 2 * FRAME + GAP,
                     size[1] + 2 * FRAME + 2 * LINE + GAP)
        self.top = MARGIN + (2 * LINE if title else LINE)
        width = 2 * MARGIN + (columns + 1) * self.step[0] + 2 * GAP
        title_font, self.font = _font(16), _font(13)
        width = max(width, 2 * MARGIN + int(title_font.getlength(title)))
        height = self.top + rows * self.step[1] + MARGIN
        self.image = Image.new('RGB', (width, height), PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.draw.text((MARGIN, MARGIN // 2), title, INK, title_font)
        for column in range(columns + 1):
            x = self.corner(0, column)[0] + self.step[0] // 2 - GAP // 2
            self.draw.text((x, self.top - 4), str(column or 'query'), FAINT,
                           self.font, anchor='ms')

    def corner(self, row: int, column: int):
        gap = 2 * GAP if column else 0
        return (MARGIN + gap + column * self.step[0],
                self.top + row * self.step[1])

    def paste(self, row: int, column: int, path, colour: str, notes):
        x, y = self.corner(row, column)
        width, height = self.size
        self.draw.rectangle((x, y, x + width + 2 * FRAME - 1,
                             y + height + 2 * FRAME - 1), colour)
        self.image.paste(_read(path, self.size), (x + FRAME, y + FRAME))
        for i, note in enumerate(notes):
            self.draw.text(
                (x + width // 2 + FRAME, y + height + 2 * FRAME + i * LINE),
                note, FAINT if i else INK, self.font, anchor='ma')

    def badge(self, row: int, column: int, match: bool):
        """Say right or wrong by shape too, for those who see no red."""
        x, y = self.corner(row, column)
        self.draw.rectangle((x, y, x + 17, y + 17), RIGHT if match else WRONG)
        if match:
            strokes = [[(3, 9), (7, 13), (14, 4)]]
        else:
            strokes = [[(4, 4), (13, 13)], [(4, 13), (13, 4)]]
        for stroke in strokes:
            self.draw.line([(x + a, y + b) for a, b in stroke], PAPER, 2)

    def mark_row(self, row: int):
        x, y = self.corner(row, 0)
        self.draw.rectangle(
            (x - 12, y, x - 7, y + self.size[1] + 2 * FRAME - 1), WRONG)


def _read(path, size: tuple) -> Image.Image:
    try:
        with Image.open(path) as image:
            return ImageOps.pad(
                image.convert('RGB'), size, color=BACKDROP)
    except OSError as error:
        raise OSError(f'cannot read image {path}: {error}') from error


def _font(size: int):
    return ImageFont.load_default(size)
