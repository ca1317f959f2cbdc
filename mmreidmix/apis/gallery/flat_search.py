"""Exact search: float32 products propose, float64 products decide.

Here and in the modules that use it, vectors and queries have length 1,
``queries`` is (Q, D) float32, ``k`` is how many are wanted (fewer are found
where fewer pass) and ``mask`` is (N,) bool, True for what is searched.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from mmreidmix.neighbours.matmul import multiply
from mmreidmix.neighbours.reduced_precision import product_error

from .vectors import Vectors

# Queries whose products with a block of vectors are made at once.
_QUERIES = 256
# Vectors compared in float64 at once.
_ROWS = 8192


class Neighbours(NamedTuple):
    """The most similar vectors of one query, best first.

    Attributes:
        positions (np.ndarray): (k,) int64.
        scores (np.ndarray): (k,) float32 cosines.
        vectors (np.ndarray): (k, D) float32.
    """

    positions: np.ndarray
    scores: np.ndarray
    vectors: np.ndarray


def nearest(vectors: Vectors, query: np.ndarray, positions: np.ndarray,
            k: int) -> Neighbours:
    """Find the k most similar of the vectors at some positions.

    Similarity is the float64 dot product rounded to float32; equal ones are
    in the order of their positions.
    """
    query = query.astype(np.float64)
    scores = np.empty(len(positions), np.float32)
    for first in range(0, len(positions), _ROWS):
        part = slice(first, first + _ROWS)
        # Without BLAS, whose sums depend on how many rows there are.
        scores[part] = np.einsum(
            'nd,d->n', vectors.take(positions[part]).astype(np.float64),
            query)
    order = np.lexsort((positions, -scores))[:k]
    return Neighbours(positions[order], scores[order],
                      vectors.take(positions[order]))


def merge(one: Neighbours, other: Neighbours, k: int) -> Neighbours:
    """Join two lists to their k best, in the order of :func:`nearest`."""
    positions, scores, vectors = map(np.concatenate, zip(one, other))
    order = np.lexsort((positions, -scores))[:k]
    return Neighbours(positions[order], scores[order], vectors[order])


def exact_search(vectors: Vectors, queries: np.ndarray, k: int,
                 mask: np.ndarray) -> list[Neighbours]:
    """Find what :func:`nearest` finds among all vectors that pass."""
    found = []
    for first in range(0, len(queries), _QUERIES):
        part = queries[first:first + _QUERIES]
        candidates = [_Candidates(k, vectors.dim) for _ in part]
        for positions, block in _passing_blocks(vectors, mask):
            for own, products in zip(candidates, _products(part, block)):
                own.add(products, positions)
        found += [nearest(vectors, query, own.positions(), k)
                  for query, own in zip(part, candidates)]
    return found


def _products(queries: np.ndarray, block: np.ndarray) -> np.ndarray:
    if len(queries) == 1:  # tiles only cost time
        return (block @ queries[0])[None]
    return multiply(torch.from_numpy(queries),
                    torch.from_numpy(block)).numpy()


def _passing_blocks(vectors: Vectors, mask: np.ndarray) -> Iterator[tuple]:
    for first, block in vectors.blocks():
        chosen = mask[first:first + len(block)]
        if chosen.all():
            yield np.arange(first, first + len(block)), block
        elif chosen.any():
            yield first + np.flatnonzero(chosen), block[chosen]


class _Candidates:
    """Positions that may belong to the k best of a query."""

    def __init__(self, k: int, dim: int):
        self.k = k
        # Two products may each be wrong by the error.
        self.margin = np.float32(2 * product_error(dim))
        self.threshold = np.float32(-np.inf)
        self.parts = [np.empty(0, np.int64)]
        self.products = [np.empty(0, np.float32)]
        self.size = self.limit = 0

    def add(self, products: np.ndarray, positions: np.ndarray) -> None:
        hits = np.flatnonzero(products >= self.threshold)
        self.parts.append(positions[hits])
        self.products.append(products[hits])
        self.size += len(hits)
        if self.size > max(self.limit, self.k):
            self._shrink()

    def _shrink(self) -> None:
        products, positions = np.concatenate(self.products), self.positions()
        kth = np.partition(products, len(products) - self.k)[-self.k]
        self.threshold = kth - self.margin
        keep = products >= self.threshold
        self.parts, self.products = [positions[keep]], [products[keep]]
        self.size = int(keep.sum())
        self.limit = 2 * self.size  # shrinking often would be slow

    def positions(self) -> np.ndarray:
        return np.concatenate(self.parts)
