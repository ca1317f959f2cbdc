"""Approximate search in a gallery by faiss: inverted lists and graphs.

The index holds 8-bit codes of the embeddings, a quarter of their size, and
only proposes images: these are compared by the embeddings themselves.
"""

from typing import Optional

import faiss
import numpy as np

from mmreidmix.checks import check_choice, check_count
from mmreidmix.choices import APPROXIMATE_BACKENDS, GALLERY_INDEXES
from mmreidmix.neighbours.approximate_search import faiss_threads

from .vectors import Vectors

# What the search can change without building anew.
SEARCH_OPTIONS = {'ivf': 'nprobe', 'hnsw': 'breadth'}
# k-means is fitted on so many vectors per list: faiss's own least number.
_TRAINING = 40
# The ranges of the codes are taken from so many vectors.
_RANGES = 1 << 16
_MOST_LISTS = 256
_CODES = faiss.ScalarQuantizer.QT_8bit
_METRIC = faiss.METRIC_INNER_PRODUCT


def checked_options(kind: str, options: dict) -> dict:
    """Options of an index, see :meth:`Gallery.build_index`, as int."""
    check_choice('build_index', GALLERY_INDEXES, index=kind)
    known = APPROXIMATE_BACKENDS.get(kind, ())
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f'options {unknown} unknown: index {kind!r} takes '
                         f'{known}')
    for name, value in options.items():
        check_count(f'index {kind!r}', 0 if name == 'seed' else 1,
                    **{name: value})
    return {name: int(value) for name, value in options.items()}


class GalleryIndex:
    """Proposes vectors similar to a query.

    Of ``options``, what is missing has its default. ``index`` holds the first
    ``index.ntotal`` vectors; it is made by :meth:`build` or loaded.
    """

    def __init__(self, kind: str, options: dict, index: faiss.Index):
        self.kind = kind
        self.options = options
        self.index = index

    @classmethod
    def build(cls, kind: str, options: dict, vectors: Vectors,
              live: np.ndarray) -> 'GalleryIndex':
        """Make an index of all vectors, fitted to those in a (N,) mask."""
        make = _inverted_lists if kind == 'ivf' else _graph
        random = np.random.default_rng(options.get('seed', 0))
        with faiss_threads():
            index = make(vectors, random.permutation(np.flatnonzero(live)),
                         options)
        made = cls(kind, options, index)
        made.extend(vectors)
        return made

    def extend(self, vectors: Vectors) -> None:
        """Take in the vectors appended since."""
        if self.index.ntotal == len(vectors):
            return
        for first, block in vectors.blocks():
            new = block[max(0, self.index.ntotal - first):]
            if len(new):
                with faiss_threads():
                    self.index.add(new)

    def propose(self, queries: np.ndarray, num: int,
                mask: Optional[np.ndarray]) -> np.ndarray:
        """Vectors that are probably the most similar ones.

        The fewer vectors are in the mask, the more of the index is gone
        through.

        Returns:
            np.ndarray: (Q, num) positions, -1 where none was found.
        """
        chosen = {}
        effort = self._effort(num)
        if mask is not None:
            bits = np.packbits(mask, bitorder='little')
            chosen = dict(sel=faiss.IDSelectorBitmap(bits))
            effort = int(effort * len(mask) / max(1, mask.sum()))
        if self.kind == 'ivf':
            parameters = faiss.SearchParametersIVF(
                nprobe=min(effort, self.index.nlist), **chosen)
            # The lists of one query are shared by the threads, else queries.
            self.index.parallel_mode = int(len(queries) == 1)
        else:
            parameters = faiss.SearchParametersHNSW(efSearch=effort, **chosen)
        with faiss_threads():
            return self.index.search(queries, num, params=parameters)[1]

    def _effort(self, num: int) -> int:
        if self.kind == 'hnsw':
            return max(num, self.options.get('breadth', 256))
        default = min(max(16, self.index.nlist // 8), _MOST_LISTS)
        return self.options.get('nprobe', default)


def _inverted_lists(vectors: Vectors, sample: np.ndarray,
                    options: dict) -> faiss.Index:
    num, dim = len(sample), vectors.dim
    # Comparing codes is cheap and k-means is not: fewer, longer lists than
    # the usual 4 sqrt(N).
    default = max(1, min(round(2 * num**0.5), num // _TRAINING))
    # Images may have been removed since the number was chosen.
    nlist = min(num, options.get('nlist', default))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dim), dim, nlist, _CODES, _METRIC)
    index.cp.seed = options.get('seed', 0)
    index.cp.min_points_per_centroid = 1
    index.train(vectors.take(np.sort(sample[:_TRAINING * nlist])))
    return index


def _graph(vectors: Vectors, sample: np.ndarray,
           options: dict) -> faiss.Index:
    index = faiss.IndexHNSWSQ(
        vectors.dim, _CODES, options.get('links', 32), _METRIC)
    index.hnsw.efConstruction = options.get('build', 80)
    index.hnsw.rng = faiss.RandomGenerator(options.get('seed', 0))
    index.train(vectors.take(np.sort(sample[:_RANGES])))
    return index
