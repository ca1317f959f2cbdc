"""Copies of features in fewer bits or dimensions, and bounds of their error.

Fewer bits where the processor is fast on them, fewer dimensions where the
features use few.
"""

from typing import NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor

from mmreidmix.precision import bfloat16_is_fast

from .candidates import list_capacity
from .numba_kernels import cached_blocks
from .subspace import subspace

# Multiplications from which on it pays to look for fewer dimensions: about
# a second of two cores.
_MANY = 2**38
# Images on which it is seen whether the bounds are narrow enough: rows, a
# fourth of all as columns, but not fewer or more than that (far fewer say
# little of the ends of a list), and the share of rows that may overflow.
_ROWS, _COLUMNS, _OVERFLOWS = 512, (2048, 65536), 0.02


class ReducedCopies(NamedTuple):
    """Copies z of centred images x - m, and what brings their products back.

    x_i . x_j is z_i . z_j + shifts[j] up to what depends on i alone, wrong by
    at most errors[i] + rounding times the absolute value.
    """

    #: (B, d <= D) float32 or bfloat16.
    copies: Tensor
    #: (B,) float32, m . x_j up to a constant.
    shifts: np.ndarray
    #: (B,) float32; for products with the z of others in float32 as well.
    errors: np.ndarray
    rounding: np.float32


def product_error(dim: int) -> float:
    """Bound of the error of a float32 product of two unit vectors."""
    if torch.get_float32_matmul_precision() != 'highest':
        return 2.0**-6  # bf16 factors, 2^-7, at worst
    return dim * 2.0**-23  # sequential fp32 sums at worst


def mean_feature(features: np.ndarray, order: np.ndarray) -> Tensor:
    """Mean of the features of some images, (D,) float32."""
    total = torch.zeros(features.shape[1], dtype=torch.float64)
    for part in cached_blocks(len(order), features.shape[1]):
        total += torch.from_numpy(features[order[part]]).float().sum(0)
    return (total / len(order)).float()


def reduced_copies(features: np.ndarray, order: np.ndarray, mean: Tensor,
                   num_rows: int, k: int,
                   far: Optional[int] = None) -> ReducedCopies:
    """Copy centred images in fewer bits and dimensions.

    With z = x - m, x_i . x_j = z_i . z_j + m . x_j and a term of i alone,
    which no order of j depends on. The smaller z make the errors of the
    product small where the features are close to each other. A copy is z in
    bfloat16 where that is fast, else in float32; for many products its
    coordinates in a :func:`~subspace.subspace`, if there is one and few
    images remain that the bound does not tell from the nearest.

    Args:
        features (np.ndarray): (N, D) float32 or float16.
        order (np.ndarray): (B,) images.
        mean (Tensor): (D,) m, any vector; best :func:`mean_feature`.
        num_rows (int): how many of them are multiplied with all.
        k (int): neighbours that are looked for.
        far (int, optional): room for candidates for the farthest image, if
            that is looked for too.
    """
    if num_rows * len(order) * features.shape[1] >= _MANY:
        basis = subspace(features, order, mean)
        if basis is not None:
            reduced = _bounded_copies(features, order, mean, basis)
            if not _would_overflow(reduced, k, far):
                return reduced
    return _bounded_copies(features, order, mean, None)


def _bounded_copies(features: np.ndarray, order: np.ndarray, mean: Tensor,
                    basis: Optional[Tensor]) -> ReducedCopies:
    """Copies in the subspace of a basis, without one in all dimensions."""
    half = bfloat16_is_fast()
    num, dim = len(order), features.shape[1]
    copies = torch.empty(num, dim if basis is None else basis.shape[1],
                         dtype=torch.bfloat16 if half else torch.float32)
    shifts = torch.empty(num, dtype=torch.float64)
    # Of z, of what the number format loses, of what lies outside the subspace.
    length, lost, outside = torch.zeros(3, num, dtype=torch.float32)
    for part in cached_blocks(num, dim):
        x = torch.from_numpy(features[order[part]]).float()
        shifts[part] = x.double() @ mean.double()
        z = x.sub_(mean)
        length[part] = z.norm(dim=1)
        if basis is not None:
            z, outside[part] = _split(z.double(), basis)
        copies[part] = z
        lost[part] = z.sub_(copies[part]).norm(dim=1).float()
    shifts = (shifts - shifts.mean()).float()
    # Cauchy-Schwarz for what is lost, in every factor, and for what lies
    # outside, in both; then the error of the sum; rounding of the result,
    # shift and similarity.
    lost += 2.0**-22 * length
    error = dim * 2.0**-23 if half else product_error(dim)
    rounding = 1.01 * 2.0**-8 if half else 0.0
    longest, largest = length.max(), shifts.abs().max()
    errors = (lost * longest + (length + lost) * lost.max() +
              outside * outside.max() + 1.02 * error * length * longest +
              rounding * largest + 2.0**-23 + 2.0**-22 *
              (largest + longest**2))
    return ReducedCopies(copies, shifts.numpy(), (1.01 * errors).numpy(),
                         np.float32(rounding))


def _would_overflow(reduced: ReducedCopies, k: int,
                    far: Optional[int]) -> bool:
    """Whether lists of candidates would often be more than half full."""
    copies, num = reduced.copies, len(reduced.copies)
    low, high = _COLUMNS
    columns = torch.linspace(
        0, num - 1, min(max(num // 4, low), high, num)).long()
    rows = columns[::max(1, len(columns) // _ROWS)]
    share = len(columns) / num
    values = copies[rows].float() @ copies[columns].float().T
    values += torch.from_numpy(reduced.shifts)[columns]
    width = 2 * torch.from_numpy(reduced.errors)[rows, None]
    # As far down the list as the k-th of all images; the image itself is 0.
    kth = values.topk(min(int(k * share) + 2, len(columns)))[0][:, -1:]
    full = (values >= kth - width).sum(1) > share * list_capacity(k) / 2
    if far:
        lowest = values.amin(1, True)
        full |= (values <= lowest + width).sum(1) > share * far / 2
    return bool(full.float().mean() > _OVERFLOWS)


def _split(z: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates in the subspace, and the length of what lies outside."""
    y = z @ basis
    squares = z.square().sum(1) - y.square().sum(1)
    # In float64 their rounding is far below that of the copies.
    return y, squares.clamp_(min=0).sqrt().float()
