"""Exact search: rough products propose, the exact similarity decides.

Every product is used with a bound of its error, so that no neighbour can be
missed whatever the number format; images within the bound are compared again
by :mod:`similarity`.
"""
import faiss
import numpy as np
import torch

from .candidates import new_lists, over_product, serve, settle
from .products import multiply
from .progress import Progress
from .similarity import exhaust, refine

_BLOCK_BYTES = 64 << 20
# Rows that stay in the cache from one step to the next.
_CACHED_BYTES = 2 << 20
# Rows and columns of one product: large enough for the matrix kernels, small
# enough that the selection finds the values in the cache.
ROWS, COLUMNS = 1024, 8192
# Candidates beyond k: a few ties and rounding errors are settled among them.
_PAD = 8
# Lists of candidates longer than this cost more than comparing everything.
_WIDE = 4096


def half_products():
    """Whether products of bfloat16 are fast on this processor."""
    supported = getattr(torch.cpu, '_is_avx512_bf16_supported', None)
    return bool(supported and torch.backends.mkldnn.is_available()
                and supported())


def product_error(dim):
    """Bound of the error of a float32 product of two unit vectors."""
    if torch.get_float32_matmul_precision() != 'highest':
        return 2.0**-6  # bf16 factors, 2^-7, at worst
    return dim * 2.0**-23  # sequential fp32 sums at worst


def mean_feature(host, order):
    """Mean of the features of some images, (D,) float32 tensor."""
    total = sum(
        torch.from_numpy(host[order[part]]).float().sum(0).double()
        for part in _cached_blocks(len(order), host.shape[1]))
    return (total / len(order)).float()


def _cached_blocks(num, dim):
    step = max(1, _CACHED_BYTES // (4 * dim))
    return [slice(a, min(a + step, num)) for a in range(0, num, step)]


def centred(host, order, mean, dtype):
    """Centred copies of images, and what brings their products back.

    With z = x - m, x_i . x_j = z_i . z_j + m . x_j and a term of i alone,
    which no order of j depends on. The smaller z make the errors of the
    product small where the features are close to each other.

    Args:
        host (np.ndarray): (N, D) features.
        order (np.ndarray): (B,) images.
        mean (torch.Tensor): (D,) m, any vector; best :func:`mean_feature`.
        dtype (torch.dtype): of the copies.

    Returns:
        tuple: z as a tensor of ``dtype``, float32 m . x_j up to a constant,
        per image a bound of the error of product and shift together, and what
        is to be added to it as a share of the absolute value.
    """
    num, dim = len(order), host.shape[1]
    bank = torch.empty(num, dim, dtype=dtype)
    shifts = torch.empty(num, dtype=torch.float64)
    length, lost = torch.empty(2, num, dtype=torch.float32)
    for part in _cached_blocks(num, dim):
        x = torch.from_numpy(host[order[part]]).float()
        shifts[part] = x.double() @ mean.double()
        z = x.sub_(mean)
        bank[part] = z
        length[part] = z.norm(dim=1)
        lost[part] = z.sub_(bank[part]).norm(dim=1)
    shifts = (shifts - shifts.mean()).float()
    # Cauchy-Schwarz for what the number format loses, in every factor; then
    # the error of the sum; rounding of the result, shift and similarity.
    lost += 2.0**-22 * length
    half = dtype == torch.bfloat16
    error = dim * 2.0**-23 if half else product_error(dim)
    rounding = 1.01 * 2.0**-9 if half else 0.0
    longest, largest = length.max(), shifts.abs().max()
    errors = (lost * longest + (length + lost) * lost.max() +
              1.02 * error * length * longest + rounding * largest +
              2.0**-23 + 2.0**-22 * (largest + longest**2))
    return (bank, shifts.numpy(), (1.01 * errors).numpy(),
            np.float32(rounding))


def streamed_search(host, view, order, num_rows, k, *, block=None,
                    threads=None):
    """Search on the CPU, half of all products, no sorting of whole rows.

    A product of rows and columns serves both, and is streamed against the
    k-th best value so far of every list. bfloat16 where that is fast.

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
    dtype = torch.bfloat16 if half_products() else torch.float32
    bank, shifts, errors, rounding = centred(
        host, order, mean_feature(host, order), dtype)
    lists = new_lists(num_rows, k, errors, rounding)

    def offer(product, own, others, first, last):
        serve(product, own, shifts[others], order[others], *lists, first,
              last)

    for product, a, c in streamed_products(bank, num_rows, block):
        over_product(offer, product, a, c, num_rows, threads)
    del bank
    return settle(view, order, lists, k, threads)


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
