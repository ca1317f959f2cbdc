"""Exact search: rough products propose, float64 products decide."""

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


class Found(NamedTuple):
    """The best vectors for one query, best first.

    Attributes:
        positions (np.ndarray): (k,) int64.
        scores (np.ndarray): (k,) float32 cosines.
        vectors (np.ndarray): (k, D) float32.
    """

    positions: np.ndarray
    scores: np.ndarray
    vectors: np.ndarray


def best_of(vectors: Vectors, query: np.ndarray, positions: np.ndarray,
            k: int) -> Found:
    """Sort some vectors by their similarity to a query, keep the first k.

    Similarity is the float64 dot product rounded to float32; equal ones are
    in the order of their positions.

    Args:
        vectors (Vectors): of length 1.
        query (np.ndarray): (D,) of length 1.
        positions (np.ndarray): (n,) of the vectors that are compared.
        k (int): how many at most.
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
    return Found(positions[order], scores[order],
                 vectors.take(positions[order]))


def merged(one: Found, other: Found, k: int) -> Found:
    """The k best of two lists, in the order of :func:`best_of`."""
    positions, scores, vectors = map(np.concatenate, zip(one, other))
    order = np.lexsort((positions, -scores))[:k]
    return Found(positions[order], scores[order], vectors[order])


def exact_search(vectors: Vectors, queries: np.ndarray, k: int,
                 mask: np.ndarray) -> list[Found]:
    """The k most similar vectors of every query.

    Args:
        vectors (Vectors): N of length 1.
        queries (np.ndarray): (Q, D) float32 of length 1.
        k (int): fewer are found where fewer pass.
        mask (np.ndarray): (N,) bool, True for the vectors that are searched.

    Returns:
        list[Found]: Q of them, as :func:`best_of` of all vectors that pass.
    """
    found = []
    for first in range(0, len(queries), _QUERIES):
        part = queries[first:first + _QUERIES]
        proposals = [_Proposals(k, vectors.dim) for _ in part]
        for positions, block in _passing_blocks(vectors, mask):
            products = _products(part, block)
            for own, line in zip(proposals, products):
                own.offer(line, positions)
        found += [best_of(vectors, query, own.positions(), k)
                  for query, own in zip(part, proposals)]
    return found


def _products(queries, block):
    if len(queries) == 1:  # tiles only cost time
        return (block @ queries[0])[None]
    return multiply(torch.from_numpy(queries),
                    torch.from_numpy(block)).numpy()


def _passing_blocks(vectors, mask):
    for first, block in vectors.blocks():
        chosen = mask[first:first + len(block)]
        if chosen.all():
            yield np.arange(first, first + len(block)), block
        elif chosen.any():
            yield first + np.flatnonzero(chosen), block[chosen]


class _Proposals:
    """Positions that may belong to the k best of a query."""

    def __init__(self, k, dim):
        self.k = k
        # Two products may each be wrong by the error.
        self.margin = np.float32(2 * product_error(dim))
        self.floor = np.float32(-np.inf)
        self.lists, self.values, self.size = [], [], 0
        self.limit = 0

    def offer(self, products, positions):
        hits = np.flatnonzero(products >= self.floor)
        self.lists.append(positions[hits])
        self.values.append(products[hits])
        self.size += len(hits)
        if self.size > max(self.limit, self.k):
            self._shrink()

    def _shrink(self):
        values, positions = np.concatenate(self.values), self.positions()
        kth = np.partition(values, len(values) - self.k)[-self.k]
        self.floor = kth - self.margin
        keep = values >= self.floor
        self.lists, self.values = [positions[keep]], [values[keep]]
        self.size = int(keep.sum())
        self.limit = 2 * self.size  # shrinking often would be slow

    def positions(self):
        return np.concatenate([np.empty(0, np.int64), *self.lists])
