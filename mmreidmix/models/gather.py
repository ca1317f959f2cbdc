"""Batches of all processes, with gradients."""

import torch
import torch.distributed as torch_dist
from torch.distributed.nn.functional import all_gather


def gather_with_grad(rows: torch.Tensor) -> torch.Tensor:
    """Stack the rows of all processes, in the order of their ranks.

    Args:
        rows (Tensor): shape (B, ...), the same on every process.

    Returns:
        Tensor: shape (world size * B, ...). Gradients flow back to the
        process that a row came from. Without processes, the argument.
    """
    if not torch_dist.is_available() or not torch_dist.is_initialized():
        return rows
    if torch_dist.get_world_size() == 1:
        return rows
    if rows.requires_grad:
        return torch.cat(all_gather(rows.contiguous()))
    parts = [
        torch.empty_like(rows) for _ in range(torch_dist.get_world_size())
    ]
    torch_dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)
