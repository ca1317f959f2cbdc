"""Collect rows of all processes, with or without gradients."""

import torch
import torch.distributed as torch_dist
from mmengine.dist import all_gather, get_world_size
from torch import Tensor
from torch.distributed.nn.functional import all_gather as all_gather_with_grad


def gather_rows(tensor: Tensor) -> Tensor:
    """Concatenate the rows of all ranks, in the order of the ranks.

    Pads to the longest rank, gathers, trims. Works with gloo and NCCL; the
    result lies where the input lies. Every rank must call it.

    Args:
        tensor (Tensor): shape (n, ...), n may differ between the ranks and
            be 0, where the other sizes are then ignored. Same number of
            dimensions and type on all ranks.

    Returns:
        Tensor: shape (sum of n, ...), on every rank; the input itself when
        there is one process.

    Raises:
        ValueError: the ranks' rows differ in shape (on every rank alike).
    """
    if get_world_size() == 1:
        return tensor
    shapes = [s.tolist() for s in all_gather(torch.tensor(tensor.shape))]
    lengths = [shape[0] for shape in shapes]
    row_shapes = {tuple(shape[1:]) for shape in shapes if shape[0]}
    if len(row_shapes) > 1:
        raise ValueError(f'the ranks hold rows of different shapes: {shapes}')
    if not row_shapes:
        return tensor
    padded = tensor.new_zeros(max(lengths), *row_shapes.pop())
    if len(tensor):
        padded[:len(tensor)] = tensor
    parts = all_gather(padded)
    return torch.cat([part[:n] for part, n in zip(parts, lengths)])


def gather_with_grad(rows: Tensor) -> Tensor:
    """Stack the rows of all processes, in the order of their ranks.

    Args:
        rows (Tensor): shape (B, ...), the same on every process.

    Returns:
        Tensor: shape (world size * B, ...). Gradients flow back to the
        process that a row came from. Without processes, the argument.
    """
    if get_world_size() == 1:
        return rows
    if rows.requires_grad:
        return torch.cat(all_gather_with_grad(rows.contiguous()))
    parts = [torch.empty_like(rows) for _ in range(get_world_size())]
    torch_dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)
