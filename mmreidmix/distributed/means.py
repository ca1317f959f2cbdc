"""Means over the images of all processes.

Gradients and the log are averages over processes. So each process gets its
share of a mean: the average of the shares is the mean over all images,
however they are spread over processes.
"""

import torch
from mmengine.dist import all_reduce
from torch import Tensor


def count_roles(roles: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Images of each role (B,) per process, averaged over processes: (2,)."""
    counts = torch.stack([(roles == r).sum() for r in (0, 1)]).to(dtype)
    all_reduce(counts, op='mean')
    return counts


def mean_over_roles(values: Tensor, roles: Tensor) -> Tensor:
    """Share of this process in the mean over roles of their means, scalar.

    A role without images is left out.

    Args:
        values (Tensor): (B,).
        roles (Tensor): (B,), 0 labelled, 1 unlabelled.
    """
    counts = count_roles(roles, values.dtype)
    shares = 1 / (counts.clamp(min=1e-6) * (counts > 0).sum())
    return (values * shares[roles]).sum()


def mean_of_usable(values: Tensor, usable: Tensor) -> Tensor:
    """Share of this process in the mean over all usable anchors, scalar.

    It is 0, with a graph, where no anchor is usable.

    Args:
        values (Tensor): (B,).
        usable (Tensor): (B,), bool.
    """
    count = usable.sum().to(values.dtype)
    all_reduce(count, op='mean')
    total = torch.where(usable, values, 0).sum()
    return total / torch.where(count > 0, count, 1)
