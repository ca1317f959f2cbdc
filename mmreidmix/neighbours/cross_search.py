"""Neighbours of images among those of another set, and the other way round."""

from typing import NamedTuple, Optional

import numpy as np
import torch

from .candidates import (
    empty_candidate_lists,
    push_across,
    push_candidates,
    push_product,
    shorten_lists,
)
from .exact_search import COLUMNS, ROWS
from .growing_lists import GrowingLists
from .matmul import multiply
from .numba_kernels import compiled, fill_rows
from .reduced_precision import (
    ReducedCopies,
    Reduction,
    mean_feature,
    reduced_copies,
)
from .similarity import (
    NeighbourLists,
    insert_sorted,
    kernel_view,
    pair_similarity,
)

#: Images of a side that are best compared at a time: their lists of
#: candidates take 3 KB each.
TILE = 32768


class Side(NamedTuple):
    """Images that are compared with those of another side."""

    #: (n, D) unit rows, float32 or float16.
    features: np.ndarray
    #: of them, of one reduction and by the same processor on both sides.
    copies: ReducedCopies
    #: of them, of the same length on both sides, at least 2.
    lists: GrowingLists

    def part(self, rows: slice) -> 'Side':
        """Some of the images; what their lists take in is in these too."""
        return Side(self.features[rows], self.copies.part(rows),
                    self.lists.part(rows))

    def least(self) -> np.ndarray:
        """Values (n,) of products of copies that are worth a look."""
        return self.lists.wanted() - self.copies.own_shifts()


def compare(left: Side, right: Side, threads: Optional[int] = None) -> None:
    """Put the images of two sides into each other's lists, exactly.

    One product serves both. Similarity and order are those of
    :func:`~mmreidmix.neighbours.knn`.

    Args:
        left (Side): L images.
        right (Side): R others.
        threads (int, optional): default ``torch.get_num_threads()``.
    """
    sides, num = (left, right), len(left.features)
    largest = torch.maximum(*(side.copies.largest() for side in sides))
    bank = torch.cat([side.copies.copies for side in sides])
    # Numbers of the images on their side.
    images = np.concatenate([np.arange(len(s.features)) for s in sides])
    shifts, errors, least = (np.concatenate(part) for part in zip(*(
        (side.copies.shifts, side.copies.errors(largest), side.least())
        for side in sides)))
    lists = empty_candidate_lists(
        len(bank), left.lists.sims.shape[1] - 1, errors, left.copies.rounding,
        least)

    def push(product: np.ndarray, row: int, columns: slice, first: int,
             last: int) -> None:
        push_candidates(product, row, shifts[columns], images[columns], lists,
                        first, last)

    def across(product: np.ndarray, column: int, rows: slice, first: int,
               last: int) -> None:
        push_across(product, column, shifts[rows], images[rows], lists, first,
                    last)

    memory = torch.empty(ROWS * COLUMNS, dtype=bank.dtype)
    for a in range(0, num, ROWS):
        z = min(a + ROWS, num)
        for c in range(num, len(bank), COLUMNS):
            d = min(c + COLUMNS, len(bank))
            product = memory[:(z - a) * (d - c)].view(z - a, d - c)
            multiply(bank[a:z], bank[c:d], out=product)
            if bank.dtype == torch.bfloat16:
                product = product.view(torch.int16)
            push_product(push, across, product.numpy(), a, c, len(bank),
                         threads)
    fill_rows(shorten_lists, len(bank), lists, threads=threads)
    for own, other, part in ((left, right, slice(num)),
                             (right, left, slice(num, None))):
        fill_rows(
            _take, len(own.features), kernel_view(own.features),
            kernel_view(other.features), other.lists.images,
            lists.images[part], lists.counts[part], own.lists.indices,
            own.lists.sims, own.lists.sizes, threads=threads, chunk=256)


def nearest_of(questions: np.ndarray, features: np.ndarray, k: int,
               threads: Optional[int] = None) -> NeighbourLists:
    """Find the nearest images of others, exactly.

    Args:
        questions (np.ndarray): (Q, D) unit rows, float32 or float16.
        features (np.ndarray): (n, D) of the same type.
        k (int): length of the lists.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray]: (Q, k) indices into ``features`` and
        similarities; -1 behind the last.
    """
    reduction = Reduction(
        mean_feature(features, np.arange(len(features))))

    def side(rows: np.ndarray, names: np.ndarray) -> Side:
        return Side(rows, reduced_copies(
            rows, np.arange(len(rows)), reduction), GrowingLists(names, k + 1))

    # Each list begins with the image itself, which these do not have.
    asked = side(questions, np.full(len(questions), -1))
    for start in range(0, len(features), TILE):
        rows = features[start:start + TILE]
        compare(asked, side(rows, np.arange(start, start + len(rows))),
                threads)
    return asked.lists.indices[:, 1:], asked.lists.sims[:, 1:]


@compiled
def _take(features: np.ndarray, others: np.ndarray, names: np.ndarray,
          candidates: np.ndarray, counts: np.ndarray, indices: np.ndarray,
          sims: np.ndarray, sizes: np.ndarray, first: int, last: int) -> None:
    for r in range(first, last):
        # All of them where there are too many near-ties.
        every = counts[r] < 0
        for p in range(len(others) if every else counts[r]):
            c = p if every else candidates[r, p]
            sizes[r] = insert_sorted(
                indices[r], sims[r], sizes[r], names[c],
                pair_similarity(features, r, others, c))
