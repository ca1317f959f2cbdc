"""The few dimensions that hold most of the features.

With z = y + r, y in a subspace and r orthogonal to it, z_i . z_j = y_i . y_j
+ r_i . r_j, and the last term is at most |r_i| |r_j|: products of few numbers
and a bound of what they leave out.
"""

from typing import Optional

import numpy as np
import torch
from torch import Tensor

# Images that the subspace is made of, as few as do, and as many on which it
# is tried.
_SAMPLES = (256, 1024)
# Share of the squared lengths that may lie outside.
_OUTSIDE = 0.01
# Dimensions come in multiples of this, which the matrix kernels like.
_STEP = 16


def subspace(features: np.ndarray, order: np.ndarray,
             mean: Tensor) -> Optional[Tensor]:
    """Find a subspace that holds 99 % of the squared lengths of x - m.

    Principal components of some images, as many as are needed for others.

    Args:
        features (np.ndarray): (N, D) float32 or float16.
        order (np.ndarray): (B,) images.
        mean (Tensor): (D,) m.

    Returns:
        Tensor | None: (D, d) float64, orthonormal columns; None if more than
        a quarter of the dimensions are needed: then finding the coordinates
        takes as long as they save.
    """
    for size in _SAMPLES:
        places = np.linspace(0, len(order) - 1, 2 * size).astype(int)
        z = torch.from_numpy(features[order[places]]).double() - mean
        basis = _components(z[::2], z.shape[1] // 4)
        others = z[1::2]
        inside = (others @ basis).square().sum(0).cumsum(0)
        inside /= others.square().sum()
        needed = int((inside < 1 - _OUTSIDE).sum()) + 1
        if needed <= len(inside):
            return basis[:, :-(-needed // _STEP) * _STEP].contiguous()
        # Far from it: features that fill all dimensions.
        if not len(inside) or inside[-1] < 0.5:
            return None
    return None


def _components(z: Tensor, most: int) -> Tensor:
    """Principal components of vectors, the largest first, (D, <= most)."""
    values, vectors = torch.linalg.eigh(z @ z.T)
    # Those of the smallest values would not be orthogonal.
    num = min(most, int((values > 1e-6 * values[-1]).sum()))
    if num == 0:
        return z.new_empty(z.shape[1], 0)
    values, vectors = values[-num:].flip(0), vectors[:, -num:].flip(1)
    return z.T @ vectors / values.sqrt()
