"""What the search page does, without the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from mmreidmix.apis.comparison import ThresholdLine, threshold_line
from mmreidmix.apis.gallery import Gallery, Match
from mmreidmix.apis.images import ImageReadError
from mmreidmix.apis.inferencer import ReIDInferencer

from .path_parsing import printable, time_text
from .safe_images import check_size, inside, thumbnail

#: Largest number of matches of one search.
MOST_MATCHES = 100


class PageError(ValueError):
    """What a visitor did can not be done; the message is for him."""


class Query(NamedTuple):
    """Who is searched for.

    Attributes:
        embedding (np.ndarray): (1, D) float32.
        picture (np.ndarray): RGB uint8 (H, W, 3).
        match (Match, optional): None for an uploaded picture.
    """

    embedding: np.ndarray
    picture: np.ndarray
    match: Optional[Match]


class Shown(NamedTuple):
    """A match as the page shows it.

    Attributes:
        id (int): of the image in the gallery.
        picture (np.ndarray): RGB uint8 (H, W, 3); grey if it can not be read.
        caption (str): rank and score; camera and time, where known; name.
    """

    id: int
    picture: np.ndarray
    caption: str


@dataclass(frozen=True)
class Answer:
    """Ranked matches, cut by the threshold.

    Attributes:
        above (list[Shown]): those that reach it; none without a threshold.
        below (list[Shown]): the others.
        line (ThresholdLine, optional): None where the model has none.
        missing (int): pictures that could not be read below the root.
    """

    above: list
    below: list
    line: Optional[ThresholdLine]
    missing: int


class SearchPage:
    """Searches a gallery for visitors who are not trusted.

    Args:
        gallery (Gallery): it; its model is that of the inferencer.
        inferencer (ReIDInferencer): embeds uploaded pictures.
        root (str | Path): folder that the names in the gallery start from.
            No file outside it is read.

    Raises:
        GalleryError: the gallery is of another model.
        PageError: the gallery is empty, or none of its first pictures is
            below the root.

    Attributes:
        camids (list[int]): cameras of the gallery.
        fmrs (list[float]): false-match rates that thresholds are stored for,
            the highest first.
    """

    def __init__(self, gallery: Gallery, inferencer: ReIDInferencer, root):
        gallery.check_model(inferencer.sha256)
        if not len(gallery):
            raise PageError(f'the gallery {gallery.folder} is empty: add '
                            'pictures by tools/gallery/extract.py')
        self.gallery = gallery
        self.inferencer = inferencer
        self.root = Path(root)
        self._check_root()
        entries = gallery.entries(gallery.ids)
        self.camids = sorted({e.camid for e in entries} - {None})
        rows = (inferencer.thresholds or {}).get('thresholds') or []
        self.fmrs = sorted({row['fmr'] for row in rows}, reverse=True)

    def uploaded(self, path) -> Query:
        """Embed an uploaded picture.

        Args:
            path (str | Path): where the server put it.

        Raises:
            PageError: it is broken or too large.
        """
        try:
            check_size(path)
            embedding = self.inferencer([path])
            picture = thumbnail(path)
        except (ImageReadError, ValueError) as error:
            reason = str(error).replace(f'{path}: ', '')
            raise PageError(
                f'This picture can not be used: {reason}') from error
        return Query(embedding, picture, None)

    def chosen(self, image_id: int) -> Query:
        """Take an image of the gallery as the query.

        Raises:
            PageError: it is not there (any more).
        """
        try:
            entry, = self.gallery.entries([image_id])
            embedding = self.gallery.embeddings([image_id])
        except ValueError as error:
            raise PageError('This picture is no longer in the gallery: '
                            'search again') from error
        picture = self._picture(entry.name)
        match = Match(entry.id, entry.name, 1.0, *entry[2:])
        return Query(embedding, _GREY if picture is None else picture, match)

    def search(self, query: Query, camids: Sequence[int] = (),
               topk: int = 20, rerank: bool = False,
               fmr: Optional[float] = None) -> Answer:
        """Find the best matches.

        Args:
            query (Query): who; an image of the gallery does not find itself.
            camids (Sequence[int]): only these cameras; none = all, and images
                of no known camera.
            topk (int): at most so many matches.
            rerank (bool): order them by their neighbours too; the scores
                remain the cosines.
            fmr (float, optional): which threshold; None for that of the
                highest false-match rate.

        Raises:
            PageError: an option is out of its range.
        """
        camids = [int(camid) for camid in camids]
        if not 1 <= topk <= MOST_MATCHES or set(camids) - set(self.camids):
            raise PageError(f'Choose 1 to {MOST_MATCHES} matches and cameras '
                            f'out of {self.camids}')
        if fmr is not None and fmr not in self.fmrs:
            raise PageError(f'Choose a false-match rate of {self.fmrs}')
        own = None if query.match is None else query.match.id
        found, = self.gallery.search(
            query.embedding, topk + 1, camids or None,
            rerank={} if rerank else None)
        found = [match for match in found if match.id != own][:topk]
        return self._answer(found, threshold_line(
            self.inferencer.thresholds, fmr))

    def _answer(self, found, line):
        above, below, missing = [], [], 0
        for rank, match in enumerate(found, start=1):
            picture = self._picture(match.name)
            missing += picture is None
            shown = Shown(match.id, _GREY if picture is None else picture,
                          _caption(rank, match))
            reached = line is not None and line.reached(match.score)
            (above if reached else below).append(shown)
        return Answer(above, below, line, missing)

    def _picture(self, name):
        try:
            return thumbnail(inside(self.root, name))
        except (ImageReadError, ValueError):
            return None

    def _check_root(self):
        """Refuse a root that is not that of the gallery, before it is used."""
        entries = self.gallery.entries(self.gallery.ids[:20])
        if all(self._picture(entry.name) is None for entry in entries):
            raise PageError(
                f'{self.root} does not hold the pictures of the gallery, '
                f'such as {entries[0].name!r}: name the folder that their '
                'names start from')


_GREY = np.full((128, 64, 3), 200, np.uint8)


def _caption(rank: int, match: Match) -> str:
    lines = [f'#{rank} · score {match.score:.3f}']
    if match.camid is not None:
        lines.append(f'camera {match.camid}')
    if match.time is not None:
        lines.append(time_text(match.time))
    return '\n'.join([*lines, printable(match.name)])
