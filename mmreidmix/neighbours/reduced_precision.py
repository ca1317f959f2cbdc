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

#: Multiplications from which on it pays to look for fewer dimensions: half a
#: second.
MANY = 2**34
# Images on which it is seen whether the bounds are narrow enough: rows, a
# fourth of all as columns, but not fewer or more than that (far fewer say
# little of the ends of a list), and the share of rows that may overflow.
_ROWS, _COLUMNS, _OVERFLOWS = 512, (2048, 65536), 0.02


class Reduction(NamedTuple):
    """How features x are reduced: z = x - m, or its coordinates."""

    #: (D,) float32 m.
    mean: Tensor
    #: (D, d) float64, orthonormal columns; None: all dimensions.
    basis: Optional[Tensor] = None


class ReducedCopies(NamedTuple):
    """Copies z of centred images x - m, and what brings their products back.

    z_i . z_j + shifts[j] is x_i . x_j - m . x_i, wrong by at most what
    :meth:`errors` tells, plus :attr:`rounding` times the absolute value.
    """

    #: (B, d <= D) float32 or bfloat16.
    copies: Tensor
    #: (B,) float32, m . x_j - m . m.
    shifts: np.ndarray
    #: (3, B) lengths: of x - m, of what the number format loses of it, and
    #: of what lies outside the subspace.
    lengths: Tensor
    #: D of the features, and m . m.
    dim: int
    level: float

    @property
    def rounding(self) -> np.float32:
        """Error of a value, for its size; of z in bfloat16."""
        half = self.copies.dtype == torch.bfloat16
        return np.float32(1.01 * 2.0**-8 if half else 0.0)

    def part(self, rows: slice) -> 'ReducedCopies':
        """Copies of some of the images."""
        return self._replace(
            copies=self.copies[rows], shifts=self.shifts[rows],
            lengths=self.lengths[:, rows])

    def own_shifts(self) -> np.ndarray:
        """By how much similarities of row i exceed values: m . x_i, (B,)."""
        return self.shifts + np.float64(self.level)

    def largest(self) -> Tensor:
        """Largest of the lengths, and of the shifts, (4,) float32."""
        sizes = torch.cat([self.lengths, torch.from_numpy(self.shifts)[None]])
        if not sizes.shape[1]:
            return sizes.new_zeros(4)
        return sizes.abs().amax(1)

    def errors(self, largest: Tensor) -> np.ndarray:
        """Bounds of the error, besides that of rounding, (B,) float32.

        Args:
            largest (Tensor): (4,) :meth:`largest` of all images that these
                are compared with, and of these themselves.
        """
        half = self.copies.dtype == torch.bfloat16
        length, lost, outside = self.lengths
        longest, most_lost, farthest, shift = largest
        # Cauchy-Schwarz for what is lost, in every factor, and for what lies
        # outside, in both; then the error of the sum; rounding of the result,
        # shift and similarity. The z of others may be in float32 too.
        error = self.dim * 2.0**-23 if half else product_error(self.dim)
        errors = (lost * longest + (length + lost) * most_lost +
                  outside * farthest + 1.02 * error * length * longest +
                  float(self.rounding) * shift + 2.0**-23 + 2.0**-22 *
                  (shift + longest**2))
        return (1.01 * errors).numpy()


def product_error(dim: int) -> float:
    """Bound of the error of a float32 product of two unit vectors."""
    if torch.get_float32_matmul_precision() != 'highest':
        return 2.0**-6  # bf16 factors, 2^-7, at worst
    return dim * 2.0**-23  # sequential fp32 sums at worst


def mean_feature(features: np.ndarray, order: np.ndarray) -> Tensor:
    """Mean of the features of some images, (D,) float32; of none, 0."""
    total = torch.zeros(features.shape[1], dtype=torch.float64)
    for part in cached_blocks(len(order), features.shape[1]):
        total += torch.from_numpy(features[order[part]]).float().sum(0)
    return (total / max(1, len(order))).float()


def choose_reduction(features: np.ndarray, order: np.ndarray, num_rows: int,
                     k: int, far: Optional[int] = None) -> Reduction:
    """Look for few dimensions that hold the images, where that pays.

    For many products, if there is a :func:`~subspace.subspace` and few images
    remain that the bound does not tell from the nearest.

    Args:
        features (np.ndarray): (N, D) float32 or float16.
        order (np.ndarray): (B,) images.
        num_rows (int): how many of them are multiplied with all.
        k (int): neighbours that are looked for.
        far (int, optional): room for candidates for the farthest image, if
            that is looked for too.
    """
    whole = Reduction(mean_feature(features, order))
    if num_rows * len(order) * features.shape[1] < MANY:
        return whole
    basis = subspace(features, order, whole.mean)
    if basis is None:
        return whole
    few = Reduction(whole.mean, basis)
    copies = reduced_copies(features, order, few)
    columns = sampled(len(order))
    return whole if would_overflow(
        copies, columns, len(order), copies.largest(), k, far) else few


def reduced_copies(features: np.ndarray, order: np.ndarray,
                   reduction: Reduction) -> ReducedCopies:
    """Copy centred images in fewer bits and dimensions.

    With z = x - m, x_i . x_j = z_i . z_j + m . x_j and a term of i alone,
    which no order of j depends on. The smaller z make the errors of the
    product small where the features are close to each other. A copy is z in
    bfloat16 where that is fast, else in float32.

    Args:
        features (np.ndarray): (N, D) float32 or float16.
        order (np.ndarray): (B,) images.
        reduction (Reduction): m, any vector, and the dimensions.
    """
    mean, basis = reduction
    num, dim = len(order), features.shape[1]
    copies = torch.empty(
        num, dim if basis is None else basis.shape[1],
        dtype=torch.bfloat16 if bfloat16_is_fast() else torch.float32)
    shifts = torch.empty(num, dtype=torch.float64)
    lengths = torch.zeros(3, num)
    for part in cached_blocks(num, dim):
        x = torch.from_numpy(features[order[part]]).float()
        shifts[part] = x.double() @ mean.double()
        z = x.sub_(mean)
        lengths[0, part] = z.norm(dim=1)
        if basis is not None:
            z, lengths[2, part] = _split(z.double(), basis)
        copies[part] = z
        lengths[1, part] = z.sub_(copies[part]).norm(dim=1).float()
    lengths[1] += 2.0**-22 * lengths[0]
    level = float(mean.double() @ mean.double())
    return ReducedCopies(
        copies, (shifts - level).float().numpy(), lengths, dim, level)


def sampled(num: int) -> np.ndarray:
    """Images on which it is seen whether the bounds are narrow enough."""
    low, high = _COLUMNS
    return np.linspace(
        0, num - 1, min(max(num // 4, low), high, num)).astype(np.int64)


def would_overflow(copies: ReducedCopies, columns: np.ndarray, num: int,
                   largest: Tensor, k: int, far: Optional[int] = None) -> bool:
    """Whether lists of candidates would often be more than half full.

    Args:
        copies (ReducedCopies): of images among which the columns are.
        columns (np.ndarray): (C,) images that stand for all.
        num (int): number of all.
        largest (Tensor): (4,) of all.
        k (int): neighbours that are looked for.
        far (int, optional): see :func:`choose_reduction`.
    """
    rows = columns[::max(1, len(columns) // _ROWS)]
    share = len(columns) / num
    values = (copies.copies[rows].float() @ copies.copies[columns].float().T)
    values += torch.from_numpy(copies.shifts[columns])
    width = 2 * torch.from_numpy(copies.errors(largest)[rows])[:, None]
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
