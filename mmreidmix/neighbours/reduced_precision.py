"""Rough copies of features, and bounds of the error of their products.

Fewer bits where the processor is fast on them, fewer dimensions where the
features use few.
"""
import numpy as np
import torch

from mmreidmix.compat import has_avx512_bf16

from .candidates import capacity
from .subspace import subspace

# Rows that stay in the cache from one step to the next.
_CACHED_BYTES = 2 << 20
# Multiplications from which on it pays to look for fewer dimensions: about
# a second of two cores.
_MANY = 2**38
# Images on which it is seen whether the bounds are narrow enough: rows, a
# fourth of all as columns, but not fewer or more than that (far fewer say
# little of the ends of a list), and the share of rows that may be crowded.
_ROWS, _COLUMNS, _CROWDED = 512, (2048, 65536), 0.02


def half_products():
    """Whether products of bfloat16 are fast on this processor."""
    return torch.backends.mkldnn.is_available() and has_avx512_bf16()


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


def rough_copies(host, order, mean, num_rows, k, far=None):
    """Rough copies of centred images, and what brings their products back.

    With z = x - m, x_i . x_j = z_i . z_j + m . x_j and a term of i alone,
    which no order of j depends on. The smaller z make the errors of the
    product small where the features are close to each other. A copy is z in
    bfloat16 where that is fast, else in float32; for many products its
    coordinates in a :func:`~subspace.subspace`, if there is one and few
    images remain that the bound does not tell from the nearest.

    Args:
        host (np.ndarray): (N, D) features, float32 or float16.
        order (np.ndarray): (B,) images.
        mean (torch.Tensor): (D,) m, any vector; best :func:`mean_feature`.
        num_rows (int): How many of them are multiplied with all.
        k (int): Neighbours that are looked for.
        far (int, optional): Room for candidates for the farthest image, if
            that is looked for too.

    Returns:
        tuple: copies (B, d <= D); float32 m . x_j up to a constant; per image
        a bound of the error of product and shift together, with the copies of
        others as well as with their z in float32; and what is to be added to
        it as a share of the absolute value.
    """
    if num_rows * len(order) * host.shape[1] >= _MANY:
        basis = subspace(host, order, mean)
        if basis is not None:
            found = _bounded_copies(host, order, mean, basis)
            if not _crowded(*found[:3], k, far):
                return found
    return _bounded_copies(host, order, mean, None)


def _bounded_copies(host, order, mean, basis):
    """What :func:`rough_copies` returns, in all dimensions without a basis."""
    half = half_products()
    copies, shifts, length, lost, outside = _copies(
        host, order, mean, torch.bfloat16 if half else torch.float32, basis)
    # Cauchy-Schwarz for what the number format loses, in every factor, and
    # for what lies outside the subspace, in both; then the error of the sum;
    # rounding of the result, shift and similarity.
    lost += 2.0**-22 * length
    dim = host.shape[1]
    error = dim * 2.0**-23 if half else product_error(dim)
    rounding = 1.01 * 2.0**-8 if half else 0.0
    longest, largest = length.max(), shifts.abs().max()
    errors = (lost * longest + (length + lost) * lost.max() +
              outside * outside.max() + 1.02 * error * length * longest +
              rounding * largest + 2.0**-23 + 2.0**-22 *
              (largest + longest**2))
    return (copies, shifts.numpy(), (1.01 * errors).numpy(),
            np.float32(rounding))


def _copies(host, order, mean, dtype, basis):
    """Copies and shifts; lengths of z, of what is lost and of what is left."""
    num, dim = len(order), host.shape[1]
    copies = torch.empty(
        num, dim if basis is None else basis.shape[1], dtype=dtype)
    shifts = torch.empty(num, dtype=torch.float64)
    length, lost, outside = torch.zeros(3, num, dtype=torch.float32)
    for part in _cached_blocks(num, dim):
        x = torch.from_numpy(host[order[part]]).float()
        shifts[part] = x.double() @ mean.double()
        z = x.sub_(mean)
        length[part] = z.norm(dim=1)
        if basis is not None:
            z, outside[part] = _split(z.double(), basis)
        copies[part] = z
        lost[part] = z.sub_(copies[part]).norm(dim=1).float()
    return copies, (shifts - shifts.mean()).float(), length, lost, outside


def _crowded(copies, shifts, errors, k, far):
    """Whether lists of candidates would often be more than half full."""
    num = len(copies)
    low, high = _COLUMNS
    columns = torch.linspace(
        0, num - 1, min(max(num // 4, low), high, num)).long()
    rows = columns[::max(1, len(columns) // _ROWS)]
    share = len(columns) / num
    values = copies[rows].float() @ copies[columns].float().T
    values += torch.from_numpy(shifts)[columns]
    width = 2 * torch.from_numpy(errors)[rows, None]
    # As far down the list as the k-th of all images; the image itself is 0.
    kth = values.topk(min(int(k * share) + 2, len(columns)))[0][:, -1:]
    crowded = (values >= kth - width).sum(1) > share * capacity(k) / 2
    if far:
        lowest = values.amin(1, True)
        crowded |= (values <= lowest + width).sum(1) > share * far / 2
    return bool(crowded.float().mean() > _CROWDED)


def _split(z, basis):
    """Coordinates in the subspace, and the length of what lies outside."""
    y = z @ basis
    squares = z.square().sum(1) - y.square().sum(1)
    # In float64 their rounding is far below that of the copies.
    return y, squares.clamp_(min=0).sqrt().float()
