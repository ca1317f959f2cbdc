"""Sparse rows and pairs whose other image another process holds."""

from typing import Optional

import numpy as np
import torch

from mmreidmix.distributed import gather_rows
from mmreidmix.distributed.shares import Shares, exchange
from mmreidmix.neighbours.similarity import pair_similarities
from mmreidmix.neighbours.sparse_rows import (
    SparseArrays,
    similar_rows_together,
)


def rank_together(nearest: np.ndarray) -> np.ndarray:
    """Places of all images in an order in which similar ones are together.

    Args:
        nearest (np.ndarray): (n,) int32, for each own image one that is near.

    Returns:
        np.ndarray: (N,) int32, as of ``similar_rows_together``.
    """
    order = similar_rows_together(
        gather_rows(torch.from_numpy(nearest)).numpy())
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order))
    return rank


def fetch_sparse(shares: Shares, rows: np.ndarray,
                 own: SparseArrays) -> SparseArrays:
    """Get sparse rows from whoever holds them.

    Args:
        shares (Shares): who holds which rows.
        rows (np.ndarray): (n,) in rising order.
        own (SparseArrays): the own rows.

    Returns:
        SparseArrays: (n,) rows.
    """
    counts, = shares.fetch(rows, np.diff(own.indptr))
    wanted = [part - shares.first for part in exchange(shares.split(rows))]
    entries = [_entries(own, part) for part in wanted]
    indices, data = (
        np.concatenate(exchange([array[part] for part in entries]))
        for array in (own.indices, own.data))
    return SparseArrays(np.r_[0, np.cumsum(counts)], indices, data)


def _entries(sparse: SparseArrays, rows: np.ndarray) -> np.ndarray:
    """Places of the entries of rows, one row after the other."""
    begins = sparse.indptr[rows]
    counts = sparse.indptr[rows + 1] - begins
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(
        begins - (ends - counts), counts)


def similarities(features: np.ndarray, shares: Shares, rows: np.ndarray,
                 images: np.ndarray,
                 threads: Optional[int] = None) -> np.ndarray:
    """Similarities of own images to any: who holds the other compares.

    Args:
        features (np.ndarray): (n, D) own unit rows.
        shares (Shares): who holds which images.
        rows (np.ndarray): (P,) own images, counted from the first of them.
        images (np.ndarray): (P,) images of any process.
        threads (int, optional): default ``torch.get_num_threads()``.

    Returns:
        np.ndarray: (P,) float32.
    """
    order = np.argsort(images, kind='stable')
    parts = np.split(rows[order], np.searchsorted(
        images[order], shares.bounds[1:-1]))
    lists = [np.unique(part, return_inverse=True) for part in parts]
    asked = exchange([features[part] for part, _ in lists])
    places = exchange([part.astype(np.int32) for _, part in lists])
    columns = exchange(shares.split(images[order]))
    answers = exchange([
        pair_similarities(left, place, features, column - shares.first,
                          threads)
        for left, place, column in zip(asked, places, columns)])
    found = np.empty(len(rows), np.float32)
    found[order] = np.concatenate(answers)
    return found
