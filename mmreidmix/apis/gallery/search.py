"""Search for images, with an index where that pays."""

from collections.abc import Callable
from typing import Optional

import numpy as np

from .exact import Found, best_of, exact_search, merged
from .index import GalleryIndex
from .rows import Rows
from .tracklets import TrackletMeans

#: Up to so many images are compared without an index: it takes milliseconds.
FEW = 20_000

GetIndex = Callable[[], Optional[GalleryIndex]]


def search_images(rows: Rows, get_index: GetIndex, queries: np.ndarray, k: int,
                  mask: np.ndarray) -> list[Found]:
    """The k most similar images of every query.

    Whatever proposes them, images are compared by their embeddings. Where
    the index proposes fewer than there are, all that pass are compared.

    Args:
        rows (Rows): N images.
        get_index (GetIndex): gives the index, None for an exact search. It
            is called only where more than :data:`FEW` images pass.
        queries (np.ndarray): (Q, D) float32 of length 1.
        k (int): fewer are found where fewer pass.
        mask (np.ndarray): (N,) bool, images that pass.
    """
    vectors, passing = rows.vectors, int(mask.sum())
    index = get_index() if passing > FEW else None
    if index is None:
        return exact_search(vectors, queries, k, mask)
    index.extend(vectors)
    k = min(k, passing)
    # Codes of 8 bits order neighbours almost right: the best k are among
    # somewhat more.
    proposed = index.propose(queries, min(2 * k + 32, passing),
                             None if passing == len(rows) else mask)
    found = [best_of(vectors, query, line[line >= 0], k)
             for query, line in zip(queries, proposed)]
    short = [i for i, own in enumerate(found) if len(own.positions) < k]
    if short:
        for i, own in zip(short, exact_search(vectors, queries[short], k,
                                              mask)):
            found[i] = own
    return found


def search_tracklets(rows: Rows, get_index: GetIndex, queries: np.ndarray,
                     k: int, mask: np.ndarray,
                     means: TrackletMeans) -> list[Found]:
    """The k most similar tracklets; images without one are one each.

    Args:
        rows (Rows): N images.
        get_index (GetIndex): see :func:`search_images`.
        queries (np.ndarray): (Q, D) float32 of length 1.
        k (int): fewer are found where fewer pass.
        mask (np.ndarray): (N,) bool, images that pass.
        means (TrackletMeans): of the rows.
    """
    single = search_images(rows, get_index, queries, k,
                           mask & (rows.meta['tracklet'] < 0))
    pooled = means.search(queries, k, mask)
    return [merged(a, b, k) for a, b in zip(single, pooled)]
