"""What the search page does, without the page."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from mmreidmix.apis.comparison import Threshold, optional_threshold
from mmreidmix.apis.gallery import Gallery, Match
from mmreidmix.apis.inferencer import ReIDInferencer
from mmreidmix.command_line import printable
from mmreidmix.datasets.transforms import ImageReadError

from .path_parsing import time_text
from .safe_images import check_format, inside, thumbnail

#: Largest number of matches of one search.
MOST_MATCHES = 100
_GREY = np.full((128, 64, 3), 200, np.uint8)


class PageError(ValueError):
    """What a visitor did can not be done; the message is for him."""


class Query(NamedTuple):
    """Who is searched for: an uploaded image, or a match in the gallery."""

    embedding: np.ndarray  # (1, D) float32
    image: np.ndarray  # RGB uint8 (H, W, 3)
    match: Optional[Match]  # None for an uploaded image


class ShownMatch(NamedTuple):
    """A match as the page shows it."""

    id: int  # of the image in the gallery
    image: np.ndarray  # RGB uint8 (H, W, 3); grey if it can not be read
    caption: str  # rank and score; camera and time, where known; name


class SearchResult(NamedTuple):
    """Ranked matches, cut by the threshold."""

    above: list[ShownMatch]  # reach it; none without a threshold
    below: list[ShownMatch]  # the others
    threshold: Optional[Threshold]  # None where the model has none
    missing: int  # images that could not be read below the root


class SearchPage:
    """Searches a gallery for visitors who are not trusted.

    Args:
        gallery (Gallery): made by the model of the inferencer.
        inferencer (ReIDInferencer): embeds uploaded images.
        root (str | Path): folder that the names in the gallery start from.
            No file outside it is read.

    Raises:
        GalleryError: the gallery is of another model.
        PageError: the gallery is empty, or none of its first images is below
            the root.

    Attributes:
        camids (list[int]): cameras of the gallery.
        fmrs (list[float]): false-match rates that thresholds are stored for,
            the highest first.
    """

    def __init__(self, gallery: Gallery, inferencer: ReIDInferencer,
                 root: Union[str, Path]):
        gallery.check_model(inferencer.sha256)
        if not len(gallery):
            raise PageError(f'the gallery {gallery.folder} is empty: add '
                            'images by tools/gallery.py add')
        self.gallery = gallery
        self.inferencer = inferencer
        self.root = Path(root)
        entries = gallery.entries(gallery.ids)
        # Refuse the root of another gallery before it is used.
        if all(self._image(entry.name) is None for entry in entries[:20]):
            raise PageError(
                f'{self.root} does not hold the images of the gallery, such '
                f'as {entries[0].name!r}: name the folder that their names '
                'start from')
        self.camids = sorted({entry.camid for entry in entries} - {None})
        rows = (inferencer.thresholds or {}).get('thresholds') or []
        self.fmrs = sorted({row['fmr'] for row in rows}, reverse=True)

    def uploaded(self, path: Union[str, Path]) -> Query:
        """Embed an uploaded image, which the server put at a path.

        Raises:
            PageError: it is broken or too large.
        """
        try:
            check_format(path)
            embedding = self.inferencer([path])
            image = thumbnail(path)
        except (ImageReadError, ValueError) as error:
            reason = str(error).replace(f'{path}: ', '')
            raise PageError(
                f'This image can not be used: {reason}') from error
        return Query(embedding, image, None)

    def chosen(self, image_id: int) -> Query:
        """Take an image of the gallery as the query.

        Raises:
            PageError: it is not there (any more).
        """
        try:
            entry, = self.gallery.entries([image_id])
            embedding = self.gallery.embeddings([image_id])
        except ValueError as error:
            raise PageError('This image is no longer in the gallery: '
                            'search again') from error
        image = self._image(entry.name)
        match = Match(entry.id, entry.name, 1.0, *entry[2:])
        return Query(embedding, _GREY if image is None else image, match)

    def search(self, query: Query, camids: Sequence[int] = (),
               topk: int = 20, rerank: bool = False,
               fmr: Optional[float] = None) -> SearchResult:
        """Find the best matches.

        Args:
            query (Query): who; an image of the gallery does not find itself.
            camids (Sequence[int]): only these cameras; none = all, and images
                of no known camera.
            topk (int): at most so many matches.
            rerank (bool): order them by their neighbours too; the scores
                remain the cosines.
            fmr (float, optional): which threshold, see `find_threshold`.

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
        matches, = self.gallery.search(
            query.embedding, topk + 1, camids or None,
            rerank=dict(k1_intra=5) if rerank else None)
        matches = [match for match in matches if match.id != own][:topk]
        threshold = optional_threshold(self.inferencer.thresholds, fmr)
        above, below, missing = [], [], 0
        for rank, match in enumerate(matches, start=1):
            image = self._image(match.name)
            missing += image is None
            shown = ShownMatch(match.id, _GREY if image is None else image,
                               _caption(rank, match))
            reached = threshold is not None and threshold.reached(match.score)
            (above if reached else below).append(shown)
        return SearchResult(above, below, threshold, missing)

    def _image(self, name: str) -> Optional[np.ndarray]:
        try:
            return thumbnail(inside(self.root, name))
        except (ImageReadError, ValueError):
            return None


def _caption(rank: int, match: Match) -> str:
    lines = [f'#{rank} · score {match.score:.3f}']
    if match.camid is not None:
        lines.append(f'camera {match.camid}')
    if match.time is not None:
        lines.append(time_text(match.time))
    return '\n'.join([*lines, printable(match.name)])
