"""What the search page does, without the page."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from mmreidmix.apis.comparison import Threshold, find_threshold
from mmreidmix.apis.gallery import BaseGallery, Match
from mmreidmix.apis.inferencer import ReIDInferencer
from mmreidmix.command_line import printable
from mmreidmix.datasets.transforms import ImageReadError

from .path_parsing import time_text
from .safe_images import check_format, inside, thumbnail
from .search_options import MOST_MATCHES, PageError, SearchOptions, levels

#: So many matches are counted, though not shown.
MOST_COUNTED = 1000
_GREY = np.full((128, 64, 3), 200, np.uint8)


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
    """Ranked matches, cut by the threshold.

    Attributes:
        above (list[ShownMatch]): reach it; none without a threshold.
        below (list[ShownMatch]): the others that are shown.
        threshold (Threshold, optional): None where the model has none.
        reached (int): all that reach it, at most :data:`MOST_COUNTED`.
        searched (int): images that pass the filters.
        missing (int): images that could not be read below the root.
        table (str): CSV, a row per shown match.
    """

    above: list[ShownMatch]
    below: list[ShownMatch]
    threshold: Optional[Threshold]
    reached: int
    searched: int
    missing: int
    table: str


class SearchPage:
    """Searches a gallery for visitors who are not trusted.

    Args:
        gallery (BaseGallery): made by the model of the inferencer.
        inferencer (ReIDInferencer): embeds uploaded images.
        root (str | Path): folder that the names in the gallery start from.
            No file outside it is read.

    Raises:
        GalleryError: the gallery is of another model.
        PageError: the gallery is empty, or none of its first images is below
            the root.

    Attributes:
        camids (list[int]): cameras of the gallery.
        times (tuple[float, float], optional): first and last time of it.
        track (int, optional): a tracklet of it, as an example.
        levels (list[Level]): how much can be asked to be alike.
    """

    def __init__(self, gallery: BaseGallery, inferencer: ReIDInferencer,
                 root: Union[str, Path]):
        gallery.check_model(inferencer.sha256)
        if not len(gallery):
            raise PageError(f'the gallery {gallery.place} is empty: add '
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
        times = [entry.time for entry in entries if entry.time is not None]
        self.times = (min(times), max(times)) if times else None
        self.track = next((entry.tracklet for entry in entries
                           if entry.tracklet is not None), None)
        self.levels = levels(inferencer.thresholds)

    def example(self) -> Query:
        """The first image of the gallery that can be read, as the query.

        Raises:
            PageError: no image can be read.
        """
        for entry in self.gallery.entries(self.gallery.ids):
            if self._image(entry.name) is not None:
                return self.chosen(entry.id)
        raise PageError('No picture of the gallery can be read any more')

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

    def search(self, query: Query,
               options: Optional[SearchOptions] = None) -> SearchResult:
        """Find the best matches; an image does not find itself.

        Raises:
            PageError: an option is out of its range.
        """
        options = options or SearchOptions()
        filters = self._filters(options)
        threshold = self._threshold(options.level)
        plain = self._matches(query, MOST_COUNTED, options, filters)
        matches = self._matches(
            query, options.topk, options, filters,
            rerank=dict(k1_intra=5)) if options.second_look else (
                plain[:options.topk])
        above, below, missing = [], [], 0
        for rank, match in enumerate(matches, start=1):
            image = self._image(match.name)
            missing += image is None
            shown = ShownMatch(match.id, _GREY if image is None else image,
                               _caption(rank, match))
            reached = _reaches(match, threshold)
            (above if reached else below).append(shown)
        return SearchResult(
            above, below, threshold,
            sum(_reaches(match, threshold) for match in plain),
            self.gallery.count(**filters), missing,
            _table(matches, threshold))

    def _filters(self, options: SearchOptions) -> dict:
        topk = options.topk
        if not isinstance(topk, int) or not 1 <= topk <= MOST_MATCHES:
            raise PageError(f'Type a number of pictures from 1 to '
                            f'{MOST_MATCHES}')
        cameras = {*options.camids, options.camera} - {None}
        if cameras - set(self.camids):
            raise PageError(f'Choose cameras out of {self.camids}')
        return options.filters()

    def _threshold(self, level: Optional[str]) -> Optional[Threshold]:
        rates = dict(self.levels)
        wanted = level or 'Normal'
        if not rates and level is None:
            return None
        if wanted not in rates:
            raise PageError(f'Choose one of {list(rates)}')
        return find_threshold(self.inferencer.thresholds, rates[wanted])

    def _matches(self, query: Query, topk: int, options: SearchOptions,
                 filters: dict, rerank: Optional[dict] = None) -> list[Match]:
        matches, = self.gallery.search(
            query.embedding, topk + 1, rerank=rerank,
            by_tracklet=options.track_once, **filters)
        return [match for match in matches
                if not _is_own(match, query, options)][:topk]

    def _image(self, name: str) -> Optional[np.ndarray]:
        try:
            return thumbnail(inside(self.root, name))
        except (ImageReadError, ValueError):
            return None


def _is_own(match: Match, query: Query, options: SearchOptions) -> bool:
    own = query.match
    if own is None:
        return False
    same_track = None not in (own.tracklet, match.tracklet) and (
        own.tracklet == match.tracklet)
    return match.id == own.id or (options.track_once and same_track)


def _reaches(match: Match, threshold: Optional[Threshold]) -> bool:
    return threshold is not None and threshold.reached(match.score)


def _table(matches: Sequence[Match], threshold: Optional[Threshold]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(
        ['rank', 'score', 'line', 'camera', 'time', 'track', 'name'])
    for rank, match in enumerate(matches, start=1):
        line = 'above' if _reaches(match, threshold) else 'below'
        writer.writerow([
            rank, f'{match.score:.4f}', '' if threshold is None else line,
            '' if match.camid is None else match.camid,
            '' if match.time is None else time_text(match.time),
            '' if match.tracklet is None else match.tracklet,
            # A spreadsheet would run it as a formula.
            f"'{match.name}" if match.name[:1] in '=+-@\t\r' else match.name])
    return stream.getvalue()


def _caption(rank: int, match: Match) -> str:
    lines = [f'#{rank} · score {match.score:.3f}']
    if match.camid is not None:
        lines.append(f'camera {match.camid}')
    if match.time is not None:
        lines.append(time_text(match.time))
    if match.tracklet is not None:
        lines.append(f'track {match.tracklet}')
    return '\n'.join([*lines, printable(match.name)])
