"""Collect the rows of a tensor from all processes, without pickling."""

import torch
from mmengine.dist import all_gather, get_world_size
from torch import Tensor


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
