"""Exact search: reduced products propose, the exact similarity decides.

Every product is used with a bound of its error, so that no neighbour can be
missed whatever the number format; images within the bound are compared again
by :mod:`similarity`.
"""

from collections.abc import Iterator
from typing import Callable, Optional

import faiss
import numpy as np
import torch
from torch import Tensor

from .candidates import (
    CandidateLists,
    empty_candidate_lists,
    push_across,
    push_candidates,
    push_product,
    shorten_lists,
)
from .matmul import multiply
from .numba_kernels import fill_rows
from .progress import Progress
from .reduced_precision import (
    choose_reduction,
    product_error,
    reduced_copies,
)
from .similarity import (
    NeighbourLists,
    SearchTask,
    empty_lists,
    rank_all,
    rank_candidates,
)

_BLOCK_BYTES = 64 << 20
# Rows and columns of one product: large enough for the matrix kernels, small
# enough that the selection finds the values in the cache.
ROWS, COLUMNS = 1024, 8192
# Candidates beyond k: a few ties and rounding errors are settled among them.
_PAD = 8
# Lists of candidates longer than this cost more than comparing everything.
_MAX_CANDIDATES = 4096


def streamed_search(task: SearchTask) -> NeighbourLists:
    """Search on the CPU, half of all products, no sorting of whole rows.

    A product of rows and columns serves both, and is streamed against the
    k-th best value so far of every list. Products are those of
    :func:`~reduced_precision.reduced_copies`.
    """
    features, order, num_rows, k, block, threads = task
    copies = reduced_copies(features, order, choose_reduction(
        features, order, num_rows, k))
    shifts = copies.shifts
    lists = empty_candidate_lists(
        num_rows, k, copies.errors(copies.largest()), copies.rounding)

    def push(product: np.ndarray, row: int, columns: slice, first: int,
             last: int) -> None:
        push_candidates(product, row, shifts[columns], order[columns], lists,
                        first, last)

    def across(product: np.ndarray, column: int, rows: slice, first: int,
               last: int) -> None:
        push_across(product, column, shifts[rows], order[rows], lists, first,
                    last)

    for product, row, column in streamed_products(
            copies.copies, num_rows, block):
        push_product(push, across, product, row, column, num_rows, threads)
    del copies
    return exact_neighbours(features, order, lists, threads)


def exact_neighbours(features: np.ndarray, order: np.ndarray,
                     lists: CandidateLists,
                     threads: Optional[int] = None) -> NeighbourLists:
    """Turn filled lists of candidates into those of the exact neighbours.

    Lists that have overflowed are searched again, by precise products.

    Args:
        features (np.ndarray): (N, D) unit rows, float32 or float16.
        order (np.ndarray): (B,) images; list i is that of ``order[i]``.
        lists (CandidateLists): lists of the first of them.
        threads (int, optional): threads of the comparison.
    """
    num_rows, capacity = lists.images.shape
    fill_rows(shorten_lists, num_rows, lists, threads=threads)
    indices, sims = rank_candidates(
        features, order[:num_rows], np.arange(num_rows) * capacity,
        lists.counts, lists.images.ravel(), lists.k, threads)
    overflowed = np.flatnonzero(lists.counts < 0)
    if len(overflowed):
        order = np.concatenate([order[overflowed],
                                np.delete(order, overflowed)])
        indices[overflowed], sims[overflowed] = topk_search(
            SearchTask(features, order, len(overflowed), lists.k, None,
                       threads),
            torch.from_numpy(features[order]).float(), 'torch')
    return indices, sims


def streamed_products(
        bank: Tensor, num_rows: int,
        block: Optional[int] = None) -> Iterator[tuple[np.ndarray, int, int]]:
    """Products of the first rows with all, each pair of rows once.

    Args:
        bank (Tensor): (B, D) float32 or bfloat16.
        num_rows (int): how many rows.
        block (int, optional): rows of one product.

    Yields:
        tuple: product (the bits of bfloat16 as int16), its first row and its
        first column; gone with the next. If these are the same it is that of
        some rows with themselves, else no column is among its rows.
    """
    num = len(bank)
    block = min(block or ROWS, num_rows)
    memory = torch.empty(
        block * min(max(COLUMNS, block), num), dtype=bank.dtype)
    progress = Progress('neighbours', num_rows * num)
    for a in range(0, num_rows, block):
        z = min(a + block, num_rows)
        progress.add((z - a) * a)
        # The square last: the widest product gives the best first floor.
        for c in (*range(z, num, COLUMNS), a):
            d = z if c == a else min(c + COLUMNS, num)
            product = memory[:(z - a) * (d - c)].view(z - a, d - c)
            multiply(bank[a:z], bank[c:d], out=product)
            if bank.dtype == torch.bfloat16:
                product = product.view(torch.int16)
            yield product.numpy(), a, c
            progress.add((z - a) * (d - c))


def _images_above(bank: Tensor, order: np.ndarray, rows: np.ndarray,
                  floors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many images reach the floors of rows; those of rows with few."""
    products = bank[torch.from_numpy(rows)] @ bank.T
    near = products >= torch.as_tensor(floors, device=bank.device)[:, None]
    counts = near.sum(dim=1)
    near &= (counts <= _MAX_CANDIDATES)[:, None]
    return counts.cpu().numpy(), order[near.nonzero()[:, 1].cpu().numpy()]


def _topk_products(
        bank: Tensor, backend: str,
        width: int) -> Callable[[int, int], tuple[np.ndarray, np.ndarray]]:
    """A function (first, last) -> largest products and their positions."""
    if backend == 'torch':
        def search(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
            top = torch.topk(bank[first:last] @ bank.T, width, sorted=False)
            return top.values.cpu().numpy(), top.indices.cpu().numpy()
        return search
    index = faiss.IndexFlatIP(bank.shape[1])
    index.add(bank.numpy())
    return lambda first, last: index.search(bank[first:last].numpy(), width)


def topk_search(task: SearchTask, bank: Tensor,
                backend: str) -> NeighbourLists:
    """Search by whole sorted products, on the bank's device.

    The results are those of :func:`streamed_search`.

    Args:
        task (SearchTask): a block is by default 64 MiB of products.
        bank (Tensor): (B, D) float32, the features of ``task.order``.
        backend (str): 'torch', or 'faiss' for a bank on the CPU.
    """
    features, order, num_rows, k, block, threads = task
    num, dim = bank.shape
    width = min(num, k + _PAD)
    block = block or max(1, _BLOCK_BYTES // (4 * num))
    indices, sims = empty_lists(num_rows, k)
    search = _topk_products(bank, backend, width)
    error = np.float32(product_error(dim))
    progress = Progress('neighbours', num_rows)
    for first in range(0, num_rows, block):
        last = min(first + block, num_rows)
        products, places = search(first, last)
        rows = np.arange(first, last)
        indices[rows], sims[rows] = rank_candidates(
            features, order[rows], np.arange(len(rows)) * width,
            np.full(len(rows), width), order[places.ravel()], k, threads)
        progress.add(last - first)
        if width == num:
            continue
        # Rows for which an image outside may be as near as the last inside.
        cut = rows[sims[rows, -1] - products.min(axis=1) <= error]
        if not len(cut):
            continue
        counts, candidates = _images_above(
            bank, order, cut, sims[cut, -1] - error)
        few = counts <= _MAX_CANDIDATES
        rows, counts = cut[few], counts[few]
        indices[rows], sims[rows] = rank_candidates(
            features, order[rows], np.cumsum(counts) - counts, counts,
            candidates, k, threads)
        rows = cut[~few]
        indices[rows], sims[rows] = rank_all(
            features, order[rows], order, k, threads)
    return indices, sims
