"""The nearest images of every image and its farthest one, in one pass."""

from collections.abc import Iterator
from typing import Optional

import numpy as np
import torch
from torch import Tensor

from mmreidmix.neighbours import knn
from mmreidmix.neighbours.candidates import (
    CHUNK,
    empty_candidate_lists,
    push_across,
    push_candidates,
    push_product,
)
from mmreidmix.neighbours.duplicates import redundant_duplicates
from mmreidmix.neighbours.exact_search import (
    COLUMNS,
    ROWS,
    exact_neighbours,
    streamed_products,
)
from mmreidmix.neighbours.matmul import multiply
from mmreidmix.neighbours.numba_kernels import compiled, over_rows
from mmreidmix.neighbours.reduced_precision import (
    choose_reduction,
    product_error,
    reduced_copies,
)
from mmreidmix.neighbours.similarity import kernel_view, similarity, widen

# Candidates for the farthest image of a row.
_CANDIDATES = 128
# Rows of one whole product.
_BLOCK = 256


def nearest_and_farthest(
        unit: Tensor,
        k: int,
        cross: Optional[Tensor] = None,
        threads: Optional[int] = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What :func:`~mmreidmix.neighbours.knn` finds, and the farthest image.

    On the CPU each product of two images is computed once, in reduced
    precision, and used for both; images within the bound of its error are
    compared exactly.

    Args:
        unit (Tensor): (N, D) float32 of length 1, on any device.
        k (int): 1..N, length of the lists, the image itself first.
        cross (Tensor, optional): (Q, N - Q) float32 on the CPU, to be filled
            with the similarities of the first Q images to all others, which
            the search then uses too.
        threads (int, optional): Default ``torch.get_num_threads()``.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: indices (N, k) int32,
        similarities (N, k) and the lowest similarity to any image (N,), both
        float32.
    """
    if unit.is_cuda:
        indices, sims = knn(unit, k, threads=threads)
        parts = [(part @ unit.T).amin(1) for part in unit.split(_BLOCK)]
        return indices, sims, torch.cat(parts).cpu().numpy()
    host, num = unit.numpy(), len(unit)
    view, order = kernel_view(host), np.arange(num)
    reduction = choose_reduction(host, order, num, k, _CANDIDATES)
    copies = reduced_copies(host, order, reduction)
    mean, shifts = reduction.mean, copies.shifts
    errors, rounding = copies.errors(copies.largest()), copies.rounding
    near = empty_candidate_lists(num, k, errors, rounding)
    size = (num, _CANDIDATES)
    far = (np.empty(size, np.int32), np.empty(size, np.float32),
           np.zeros(num, np.int64), np.full(num, np.inf, np.float32), errors,
           rounding)
    # Of equal images the first is as far as all of them.
    repeated = np.flatnonzero(
        redundant_duplicates(host, 1, threads) != order)
    far_shifts = shifts.copy()
    far_shifts[repeated] = np.inf

    def collect(product: np.ndarray, own: int, others: slice,
                *rows: int) -> None:
        push_candidates(product, own, shifts[others], order[others], near,
                        *rows)
        _collect_farthest(product, own, far_shifts[others], order[others],
                          *far, *rows)

    def across(product: np.ndarray, own: int, others: slice,
               *columns: int) -> None:
        push_across(product, own, shifts[others], order[others], near,
                    *columns)
        _collect_across(product, own, far_shifts[others], order[others],
                        *far, *columns)

    for product, a, c in _products(copies.copies, unit, mean, cross):
        push_product(collect, across, product, a, c, num, threads)
    del copies
    if cross is not None:
        # Products of x - mean become those of x.
        means = unit @ mean
        cross += means[len(cross):]
        cross += (means[:len(cross)] - mean @ mean)[:, None]
    indices, sims = exact_neighbours(host, order, near, threads)
    lowest = np.full(num, np.inf, np.float32)
    _compare(view, order, far[2], far[0], lowest, threads)
    overfull = np.flatnonzero(far[2] < 0)
    for begin in range(0, len(overfull), _BLOCK):
        _farthest_again(unit, view, overfull[begin:begin + _BLOCK], repeated,
                        lowest, threads)
    return indices, sims, lowest


def _farthest_again(unit: Tensor, view: np.ndarray, rows: np.ndarray,
                    repeated: np.ndarray, lowest: np.ndarray,
                    threads: Optional[int]) -> None:
    """Find the lowest similarity of these rows by precise products."""
    products = multiply(unit[rows], unit)
    products[:, repeated] = torch.inf
    ceilings = products.amin(1, True) + 2 * product_error(unit.shape[1])
    near = products <= ceilings
    counts = near.sum(1).numpy()
    images = np.zeros((len(rows), counts.max()), np.int32)
    images[np.arange(images.shape[1]) < counts[:, None]] = near.nonzero()[:, 1]
    _compare(view, rows, counts, images, lowest, threads)


def _compare(view: np.ndarray, rows: np.ndarray, counts: np.ndarray,
             images: np.ndarray, lowest: np.ndarray,
             threads: Optional[int]) -> None:
    """Find the lowest similarity to candidates; counts < 0 is none."""
    for _ in over_rows(_lowest, len(rows), view, rows, counts, images, lowest,
                       threads=threads, chunk=256):
        pass


def _products(
        bank: Tensor, unit: Tensor, mean: Tensor,
        cross: Optional[Tensor]) -> Iterator[tuple[np.ndarray, int, int]]:
    """Centred products of all images, in pieces as of streamed_products."""
    if cross is None:
        yield from streamed_products(bank, len(bank))
        return
    size = len(cross)
    yield from streamed_products(bank[:size], size)
    rows = unit[:size] - mean
    width = min(COLUMNS, cross.shape[1])
    room = torch.empty(width, unit.shape[1])
    memory = torch.empty(min(ROWS, size) * width)
    for c in range(size, len(unit), COLUMNS):
        columns = unit[c:c + COLUMNS]
        columns = torch.sub(columns, mean, out=room[:len(columns)])
        for a in range(0, size, ROWS):
            part = cross[a:a + ROWS, c - size:c - size + len(columns)]
            product = memory[:part.numel()].view(part.shape)
            yield multiply(
                rows[a:a + ROWS], columns, out=product).numpy(), a, c
            part.copy_(product)
    for piece, a, c in streamed_products(bank[size:], len(bank) - size):
        yield piece, a + size, c + size


@compiled
def _collect_farthest(product: np.ndarray, own: int, shifts: np.ndarray,
                      others: np.ndarray, images: np.ndarray,
                      values: np.ndarray, counts: np.ndarray,
                      ceilings: np.ndarray, errors: np.ndarray,
                      rounding: np.float32, begin: int, end: int) -> None:
    """Collect candidates for the farthest image of each row."""
    for r in range(begin, end):
        s = own + r
        for start in range(0, others.size, CHUNK):
            size = min(CHUNK, others.size - start)
            part = product[r, start:start + size]
            shift = shifts[start:start + size]
            ceiling = ceilings[s]
            if size == CHUNK:  # a constant length makes this loop a fast one
                below = 0
                for c in range(CHUNK):
                    below += widen(part[c]) + shift[c] <= ceiling
                if below == 0:
                    continue
            for c in range(size):
                value = widen(part[c]) + shift[c]
                if value <= ceilings[s]:
                    _insert_farthest(
                        s, others[start + c], value, images, values, counts,
                        ceilings, errors[s], rounding)


@compiled
def _collect_across(product: np.ndarray, own: int, shifts: np.ndarray,
                    others: np.ndarray, images: np.ndarray,
                    values: np.ndarray, counts: np.ndarray,
                    ceilings: np.ndarray, errors: np.ndarray,
                    rounding: np.float32, begin: int, end: int) -> None:
    """Collect candidates for the farthest image of each column."""
    for r in range(others.size):
        for start in range(begin, end, CHUNK):
            size = min(CHUNK, end - start)
            part = product[r, start:start + size]
            highest = ceilings[own + start:own + start + size]
            if size == CHUNK:
                below = 0
                for c in range(CHUNK):
                    below += widen(part[c]) + shifts[r] <= highest[c]
                if below == 0:
                    continue
            for c in range(size):
                value = widen(part[c]) + shifts[r]
                s = own + start + c
                if value <= ceilings[s]:
                    _insert_farthest(
                        s, others[r], value, images, values, counts, ceilings,
                        errors[s], rounding)


@compiled
def _insert_farthest(s: int, image: int, value: np.float32,
                     images: np.ndarray, values: np.ndarray,
                     counts: np.ndarray, ceilings: np.ndarray,
                     error: np.float32, rounding: np.float32) -> None:
    # True values differ by at most error + rounding * abs(value).
    bound = value + rounding * abs(value) + np.float32(2) * error
    ceilings[s] = min(ceilings[s],
                      bound / (1 - rounding if bound > 0 else 1 + rounding))
    if counts[s] == images.shape[1]:
        kept = 0
        for p in range(counts[s]):
            if values[s, p] <= ceilings[s]:
                images[s, kept] = images[s, p]
                values[s, kept] = values[s, p]
                kept += 1
        counts[s] = kept
        if kept == images.shape[1]:  # too many near-ties
            counts[s] = -1
            ceilings[s] = -np.inf
            return
    images[s, counts[s]] = image
    values[s, counts[s]] = value
    counts[s] += 1


@compiled
def _lowest(features: np.ndarray, rows: np.ndarray, counts: np.ndarray,
            images: np.ndarray, lowest: np.ndarray, begin: int,
            end: int) -> None:
    for r in range(begin, end):
        i = rows[r]
        for p in range(counts[r]):
            lowest[i] = min(lowest[i], similarity(features, i, images[r, p]))
