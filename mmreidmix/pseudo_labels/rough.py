"""Rough copies of features, and bounds of the error of their products.

Fewer bits where the processor is fast on them, fewer dimensions where the
features use few.
"""
import numpy as np
import torch

from .subspace import subspace

# Rows that stay in the cache from one step to the next.
_CACHED_BYTES = 2 << 20
# Multiplications from which on it pays to look for fewer dimensions: a second
# of two cores.
_MANY = 2**38


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


def rough_copies(host, order, mean, num_rows):
    """Rough copies of centred images, and what brings their products back.

    With z = x - m, x_i . x_j = z_i . z_j + m . x_j and a term of i alone,
    which no order of j depends on. The smaller z make the errors of the
    product small where the features are close to each other. A copy is z in
    bfloat16 where that is fast, else in float32; for many products its
    coordinates in a :func:`~subspace.subspace`, if there is one.

    Args:
        host (np.ndarray): (N, D) features, float32 or float16.
        order (np.ndarray): (B,) images.
        mean (torch.Tensor): (D,) m, any vector; best :func:`mean_feature`.
        num_rows (int): How many of them are multiplied with all.

    Returns:
        tuple: copies (B, d <= D); float32 m . x_j up to a constant; per image
        a bound of the error of product and shift together, with the copies of
        others as well as with their z in float32; and what is to be added to
        it as a share of the absolute value.
    """
    num, dim = len(order), host.shape[1]
    half = half_products()
    basis = None
    if num_rows * num * dim >= _MANY:
        basis = subspace(host, order, mean)
    copies = torch.empty(
        num, dim if basis is None else basis.shape[1],
        dtype=torch.bfloat16 if half else torch.float32)
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
    shifts = (shifts - shifts.mean()).float()
    # Cauchy-Schwarz for what the number format loses, in every factor, and
    # for what lies outside the subspace, in both; then the error of the sum;
    # rounding of the result, shift and similarity.
    lost += 2.0**-22 * length
    error = dim * 2.0**-23 if half else product_error(dim)
    rounding = 1.01 * 2.0**-8 if half else 0.0
    longest, largest = length.max(), shifts.abs().max()
    errors = (lost * longest + (length + lost) * lost.max() +
              outside * outside.max() + 1.02 * error * length * longest +
              rounding * largest + 2.0**-23 + 2.0**-22 *
              (largest + longest**2))
    return (copies, shifts.numpy(), (1.01 * errors).numpy(),
            np.float32(rounding))


def _split(z, basis):
    """Coordinates in the subspace, and the length of what lies outside."""
    y = z @ basis
    squares = z.square().sum(1) - y.square().sum(1)
    # In float64 their rounding is far below that of the copies.
    return y, squares.clamp_(min=0).sqrt().float()
