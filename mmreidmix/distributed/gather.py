"""Rows of all processes, with or without gradients."""

import torch
from mmengine.dist import all_gather, get_world_size
from torch import Tensor
from torch.distributed.nn.functional import all_gather as all_gather_with_grad


def gather_rows(tensor: Tensor) -> Tensor:
    """Concatenate the rows of all processes, in the order of their ranks.

    Pads to the most rows of a process, gathers and trims. Works with gloo and
    NCCL. Every process must call it.

    Args:
        tensor (Tensor): (n, ...), n may differ between processes. A process
            with n = 0 may hold rows of another shape. The number of
            dimensions and the type are the same on all processes.

    Returns:
        Tensor: (sum of n, ...), on the device of the input.

    Raises:
        ValueError: the processes hold rows of different shapes. It is raised
            on every process.
    """
    if get_world_size() == 1:
        return tensor
    shapes = [s.tolist() for s in all_gather(torch.tensor(tensor.shape))]
    lengths = [shape[0] for shape in shapes]
    row_shapes = {tuple(shape[1:]) for shape in shapes if shape[0]}
    if len(row_shapes) > 1:
        raise ValueError(
            f'the processes hold rows of different shapes: {shapes}')
    if not row_shapes:
        return tensor
    padded = tensor.new_zeros(max(lengths), *row_shapes.pop())
    if len(tensor):
        padded[:len(tensor)] = tensor
    parts = all_gather(padded)
    return torch.cat([part[:n] for part, n in zip(parts, lengths)])


def gather_with_grad(rows: Tensor) -> Tensor:
    """Concatenate the rows of all processes and let gradients flow back.

    Args:
        rows (Tensor): (B, ...), the same shape on every process.
    """
    if get_world_size() == 1:
        return rows
    rows = rows.contiguous()
    gather = all_gather_with_grad if rows.requires_grad else all_gather
    return torch.cat(gather(rows))
