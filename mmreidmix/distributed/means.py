"""Means over the images of all processes."""

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor


def count_roles(roles: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Images of each role per process, averaged over processes, (2,).

    Args:
        roles (Tensor): 0 labelled, 1 unlabelled, shape (B,).
        dtype (torch.dtype): of the result.
    """
    counts = torch.stack([(roles == d).sum() for d in (0, 1)]).to(dtype)
    all_reduce(counts, op='mean')
    return counts


def mean_over_roles(values: Tensor, roles: Tensor) -> Tensor:
    """Mean over roles of the mean over their images.

    Each process gets its share, so that the average over processes is the
    mean over all images wherever they are. A role without images is left out.

    Args:
        values (Tensor): shape (B,).
        roles (Tensor): 0 labelled, 1 unlabelled, shape (B,).

    Returns:
        Tensor: scalar.
    """
    counts = count_roles(roles, values.dtype)
    shares = 1 / (counts.clamp(min=1e-6) * (counts > 0).sum())
    return (values * shares[roles]).sum()


def mean_count(rows: Tensor) -> Tensor:
    """Rows of a process, averaged over processes; scalar, above 0.

    Args:
        rows (Tensor): floating point, shape (B, ...).
    """
    count = rows.new_full((), len(rows))
    all_reduce(count, op='mean')
    return count.clamp(min=1e-6)


def mean_of_usable(values: Tensor, usable: Tensor) -> Tensor:
    """Mean over the usable anchors of all processes.

    Each process gets its share of the sum over the mean number of usable
    anchors, so that the average over processes, which is what gradients and
    the log get, is the mean over all anchors wherever they are.

    Args:
        values (Tensor): shape (B,).
        usable (Tensor): bool, shape (B,).

    Returns:
        Tensor: scalar; 0, with a graph, where no anchor is usable.
    """
    count = usable.sum().to(values.dtype)
    if get_world_size() > 1:
        all_reduce(count, op='mean')
    total = torch.where(usable, values, 0).sum()
    return total / torch.where(count > 0, count, 1)
