"""The images one searches for a person in."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import torch

from mmreidmix.checks import check_count
from mmreidmix.neighbours import normalise_rows

from .checks import checked_embeddings
from .flat_search import Neighbours, exact_search, merge
from .index import SEARCH_OPTIONS, checked_options
from .log_records import GalleryError
from .search import (
    named_images,
    num_candidates,
    passing_images,
    rerank_neighbours,
    search_images,
)
from .state import index_record
from .store import GalleryStore
from .tracklets import TrackletSearch


class Match(NamedTuple):
    """An image that was found; None = not known.

    With ``by_tracklet`` it is the image of the tracklet that is the most
    similar to the query; the score is that of the tracklet.
    """

    id: int
    name: str
    score: float
    camid: Optional[int]
    time: Optional[float]
    tracklet: Optional[int]


class Gallery(GalleryStore):
    """Images to search in, by their embeddings.

    ``Gallery(dim)`` lives in memory and can be written by :meth:`save`.
    :meth:`create` and :meth:`open` give one that lives in a folder: there
    :meth:`add` and :meth:`remove` return when the change is on the disk. One
    process at a time may have a folder open for writing.

    All methods may be called from several threads; one call runs at a time.

    Args:
        dim (int): dimensions D of an embedding.
        model (str, optional): which model makes the embeddings, for instance
            the SHA-256 of its weights; None = not known, and not checked.

    Attributes:
        dim, model: as given.
        folder (Path, optional): where every change is kept.
        read_only (bool): whether it refuses changes.

    Examples:
        >>> gallery = Gallery(2)
        >>> gallery.add(np.eye(2), ['a.jpg', 'b.jpg'], camids=[0, 1])
        array([0, 1])
        >>> gallery.search(np.array([[1., 0.2]]), topk=1)[0][0].name
        'a.jpg'
    """

    def _attach(self, *args, **kwargs) -> None:
        super()._attach(*args, **kwargs)
        self._tracklets = TrackletSearch(self._images)

    def find(self, names: Optional[Sequence[str]] = None,
             **filters: Any) -> np.ndarray:
        """Ids of the images that pass every filter, rising, (n,) int64.

        Args:
            names (Sequence[str], optional): names of images; folders, for all
                below; or patterns, in which ``*`` stands for any letters,
                '/' among them, and ``?`` for one.
            **filters: ``camids``, ``exclude_camids``, ``times`` and
                ``tracklets`` of :meth:`search`.

        Raises:
            ValueError: an argument is not as described.
        """
        with self._lock:
            images = self._images
            mask = passing_images(images, **filters)
            if names is not None:
                mask &= named_images(images.names, names)
            return images.meta['id'][mask]

    def search(self, queries: Union[np.ndarray, torch.Tensor], topk: int = 10,
               camids: Optional[Sequence[int]] = None,
               exclude_camids: Optional[Sequence[int]] = None,
               times: Optional[tuple] = None, rerank: Optional[dict] = None,
               by_tracklet: bool = False,
               tracklets: Optional[Sequence[int]] = None
               ) -> list[list[Match]]:
        """Find the most similar images.

        Scores are cosines, computed from the embeddings whatever the index;
        equal ones are in the order of the ids. As many matches are returned
        as pass the filters, at most ``topk``, with an approximate index too.

        Args:
            queries (np.ndarray | Tensor): (Q, D), any float type and length.
            topk (int): matches per query.
            camids (Sequence[int], optional): only images of these cameras.
            exclude_camids (Sequence[int], optional): none of these cameras,
                for instance the query's own; images of no known camera pass.
            times (tuple, optional): (begin, end), only images with begin <=
                time < end; None for an open end.
            rerank (dict, optional): re-rank the best ``candidates`` (100, at
                least ``topk``) with ``k1`` (20), ``k2`` (6),
                ``lambda_value`` (0.3), ``k1_intra`` and ``k2_intra`` (None)
                of :func:`~.functional.reranking.reranked_blocks`; ``{}`` for
                the defaults. The scores remain the cosines, so they do not
                fall along the list.
            by_tracklet (bool): one match per tracklet, compared by the mean
                of its embeddings, of which only those that pass the filters
                count. Images of no tracklet are one each.
            tracklets (Sequence[int], optional): only images of these.

        Returns:
            list[list[Match]]: for each query the matches, best first; empty
            where no image passes the filters.

        Raises:
            ValueError: an argument is not as described.
            GalleryError: the gallery is empty.
        """
        check_count('Gallery.search', 1, topk=topk)
        topk = int(topk)
        num = num_candidates(rerank, topk)
        with self._lock:
            checked = checked_embeddings(queries, self.dim)
            unit = normalise_rows(checked).numpy()
            self._check_not_empty('search in')
            images = self._images
            mask = passing_images(
                images, camids, exclude_camids, times, tracklets)
            single = mask & (images.meta['tracklet'] < 0) if (
                by_tracklet) else mask
            found = search_images(images, self._index.get, unit, num, single)
            if by_tracklet:
                means = self._tracklets.search(unit, num, mask)
                found = [merge(a, b, num) for a, b in zip(found, means)]
            if rerank is not None:
                found = [rerank_neighbours(query, own, topk, rerank,
                                           images.meta['camid'])
                         for query, own in zip(unit, found)]
            return [self._matches(own) for own in found]

    def build_index(self, kind: str, **options: int) -> None:
        """Choose how images are searched, and build the index for it.

        Images added later are searched too, and removed ones are not found.
        After the gallery has grown several times over, build it again. Up to
        20,000 images that pass the filters are always compared exactly.

        Args:
            kind (str): 'exact' = compare all; 'ivf' = inverted lists; 'hnsw'
                = neighbour graph, which takes longer to build. Both hold 8
                bits per dimension beside the embeddings.
            **options: 'ivf': ``nlist`` lists (default 2 sqrt(N)), of which
                ``nprobe`` are searched (nlist / 8, within 16 and 256),
                ``seed``. 'hnsw': ``links`` per image (32), breadth of the
                search while it is built (``build``, 80) and used
                (``breadth``, 256), ``seed``. With several threads two graphs
                of one seed differ a little.

        Raises:
            ValueError: an unknown kind or option, or a number too small.
            GalleryError: the gallery is empty or read-only.
        """
        with self._lock:
            options = checked_options(kind, options)
            self._check_writable()
            self._check_not_empty('build an index of')
            if options.get('nlist', 0) > len(self):
                raise ValueError(f'nlist={options["nlist"]}: there are only '
                                 f'{len(self)} images')
            index = self._index.build(kind, options)
            setting = dict(kind=kind, options=options)
            self._change(index_record(setting),
                         lambda: self._index.put(setting, index))
            self._index.write()

    def tune_index(self, **options: int) -> None:
        """Change how much of the index a search goes through.

        More finds more of the true neighbours and takes longer; see
        :meth:`recall`. Nothing is built anew.

        Args:
            **options: ``nprobe`` of 'ivf' or ``breadth`` of 'hnsw'.

        Raises:
            ValueError: another option, or the search is exact.
            GalleryError: the gallery is read-only.
        """
        with self._lock:
            kind, old = self._state.index['kind'], self._state.index['options']
            if set(options) != {SEARCH_OPTIONS.get(kind)}:
                raise ValueError(
                    f'the index is {kind!r}: tune_index takes '
                    f'{SEARCH_OPTIONS.get(kind, "nothing")}, got {options}')
            options = checked_options(kind, options)
            self._check_writable()
            setting = dict(kind=kind, options=dict(old, **options))
            self._change(index_record(setting),
                         lambda: self._index.tune(setting))

    def prepare_index(self) -> None:
        """Load or build the index now; else the first search does so."""
        with self._lock:
            self._index.get()

    def recall(self, topk: int = 10, sample: int = 200,
               seed: int = 0) -> float:
        """Measure the share of the true neighbours that a search finds.

        Args:
            topk (int): neighbours per image, without the image itself.
            sample (int): images drawn as queries.
            seed (int): of the draw.

        Returns:
            float: mean over the queries, in comparison with an exact search.

        Raises:
            ValueError: ``topk`` or ``sample`` is below 1.
            GalleryError: there are fewer than two images.
        """
        check_count('Gallery.recall', 1, topk=topk, sample=sample)
        with self._lock:
            if len(self) < 2:
                raise GalleryError('recall needs at least two images')
            images, live = self._images, self._images.live
            drawn = np.random.default_rng(seed).permutation(
                np.flatnonzero(live))[:sample]
            queries = images.vectors.take(drawn)
            found = search_images(images, self._index.get, queries, topk + 1,
                                  live)
            exact = exact_search(images.vectors, queries, topk + 1, live)
            return float(np.mean([
                np.isin(true.positions[true.positions != image],
                        own.positions).mean()
                for own, true, image in zip(found, exact, drawn)]))

    def _matches(self, found: Neighbours) -> list[Match]:
        entries = map(self._images.entry, found.positions)
        return [Match(entry.id, entry.name, float(score), *entry[2:])
                for entry, score in zip(entries, found.scores)]
