"""Exact search: rough products propose, the exact similarity decides.

Every product is used with a bound of its error, so that no neighbour can be
missed whatever the number format; images within the bound are compared again
by :mod:`similarity`.
"""
import faiss
import numpy as np
import torch

from .candidates import new_lists, over_product, serve, settle
from .matmul import multiply
from .progress import Progress
from .reduced_precision import mean_feature, product_error, rough_copies
from .similarity import exhaust, refine

_BLOCK_BYTES = 64 << 20
# Rows and columns of one product: large enough for the matrix kernels, small
# enough that the selection finds the values in the cache.
ROWS, COLUMNS = 1024, 8192
# Candidates beyond k: a few ties and rounding errors are settled among them.
_PAD = 8
# Lists of candidates longer than this cost more than comparing everything.
_WIDE = 4096


def streamed_search(host, view, order, num_rows, k, *, block=None,
                    threads=None):
    """Search on the CPU, half of all products, no sorting of whole rows.

    A product of rows and columns serves both, and is streamed against the
    k-th best value so far of every list. Products are those of
    :func:`~rough.rough_copies`.

    Args:
        host (np.ndarray): (N, D) unit features, float32 or float16.
        view (np.ndarray): Its :func:`~similarity.kernel_view`.
        order (np.ndarray): (B,) different images, B >= k; the first
            ``num_rows`` of them are those asked for.
        num_rows (int): How many are asked for.
        k (int): Length of the lists.
        block (int, optional): Rows of one product.
        threads (int, optional): Threads of selection and comparison.

    Returns:
        tuple[np.ndarray, np.ndarray]: (num_rows, k) indices and similarities.
    """
    bank, shifts, errors, rounding = rough_copies(
        host, order, mean_feature(host, order), num_rows, k)
    lists = new_lists(num_rows, k, errors, rounding)

    def offer(product, own, others, first, last):
        serve(product, own, shifts[others], order[others], *lists, first,
              last)

    for product, a, c in streamed_products(bank, num_rows, block):
        over_product(offer, product, a, c, num_rows, threads)
    del bank
    return settled(host, view, order, lists, k, threads)


def settled(host, view, order, lists, k, threads=None):
    """What :func:`~candidates.settle` leaves over, by precise products.

    Args:
        host (np.ndarray): (N, D) unit features, float32 or float16.
        view (np.ndarray): Its :func:`~similarity.kernel_view`.
        order (np.ndarray): (B,) images; list i is that of ``order[i]``.
        lists (tuple): :func:`~candidates.new_lists`, filled.
        k (int): Length of the result.
        threads (int, optional): Threads of the comparison.

    Returns:
        tuple[np.ndarray, np.ndarray]: (num_rows, k) indices and similarities.
    """
    indices, sims, crowded = settle(view, order, lists, k, threads)
    if len(crowded):
        others = np.delete(np.arange(len(order)), crowded)
        again = order[np.concatenate([crowded, others])]
        bank = torch.from_numpy(host[again]).float()
        indices[crowded], sims[crowded] = topk_search(
            bank, view, again, len(crowded), k, backend='torch',
            threads=threads)
    return indices, sims


def streamed_products(bank, num_rows, block=None):
    """Products of the first rows with all, each pair of rows once.

    Args:
        bank (torch.Tensor): (B, D) float32 or bfloat16.
        num_rows (int): How many rows.
        block (int, optional): Rows of one product.

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


def _wide_candidates(bank, order, rows, floor):
    """All images whose rough similarity to ``rows`` reaches ``floor``."""
    rough = bank[rows] @ bank.T
    keep = rough >= torch.as_tensor(floor, device=bank.device)[:, None]
    counts = keep.sum(dim=1)
    keep &= (counts <= _WIDE)[:, None]
    return counts.cpu().numpy(), order[keep.nonzero()[:, 1].cpu().numpy()]


def _rough_search(bank, backend, width):
    """A function (first, last) -> rough similarities and positions."""
    if backend == 'torch':
        def search(first, last):
            top = torch.topk(bank[first:last] @ bank.T, width, sorted=False)
            return top.values.cpu().numpy(), top.indices.cpu().numpy()
        return search
    index = faiss.IndexFlatIP(bank.shape[1])
    index.add(bank.numpy())
    return lambda first, last: index.search(bank[first:last].numpy(), width)


def topk_search(bank, view, order, num_rows, k, *, backend, block=None,
                threads=None):
    """Search by whole sorted products, on the bank's device.

    The results are those of :func:`streamed_search`.

    Args:
        bank (torch.Tensor): (B, D) float32, the unit features of ``order``.
        view (np.ndarray): :func:`~similarity.kernel_view` of all features.
        order (np.ndarray): (B,) different images, as there.
        num_rows (int): How many of them are asked for.
        k (int): Length of the lists.
        backend (str): 'torch', or 'faiss' for a bank on the CPU.
        block (int, optional): Rows of one product; default 64 MiB of it.
        threads (int, optional): Threads of the comparison.

    Returns:
        tuple[np.ndarray, np.ndarray]: (num_rows, k) indices and similarities.
    """
    num, dim = bank.shape
    width = min(num, k + _PAD)
    block = block or max(1, _BLOCK_BYTES // (4 * num))
    indices = np.empty((num_rows, k), np.int32)
    sims = np.empty((num_rows, k), np.float32)
    search = _rough_search(bank, backend, width)
    error = np.float32(product_error(dim))
    progress = Progress('neighbours', num_rows)
    for first in range(0, num_rows, block):
        last = min(first + block, num_rows)
        rough, places = search(first, last)
        rows = np.arange(first, last)
        start = np.arange(len(rows)) * width
        counts = np.full(len(rows), width)
        indices[rows], sims[rows] = refine(
            view, order[rows], start, counts, order[places.ravel()], k,
            threads)
        progress.add(last - first)
        if width == num:
            continue
        cut = rows[sims[rows, -1] - rough.min(axis=1) <= error]
        if not len(cut):
            continue
        counts, candidates = _wide_candidates(
            bank, order, torch.from_numpy(cut), sims[cut, -1] - error)
        for crowded in (False, True):
            part = (counts > _WIDE) == crowded
            if not part.any():
                continue
            chosen = cut[part]
            if crowded:
                lists = exhaust(view, order[chosen], order, k, threads)
            else:
                start = np.cumsum(counts[part]) - counts[part]
                lists = refine(view, order[chosen], start, counts[part],
                               candidates, k, threads)
            indices[chosen], sims[chosen] = lists
    return indices, sims
