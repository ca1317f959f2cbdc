"""Products of many vectors with many."""
import torch

# Columns of one call. MKL is 1.4 times as fast on narrow float32 products
# (512 x 512 x 2048) as on wide ones (512 x 16,000 x 2048).
_TILE = 512


def multiply(rows, columns, out=None):
    """``rows @ columns.T``, in the order that is fastest on the device.

    Args:
        rows (torch.Tensor): (R, D).
        columns (torch.Tensor): (C, D), of the same type and device.
        out (torch.Tensor, optional): (R, C) where the result goes.

    Returns:
        torch.Tensor: (R, C), ``out`` if given.
    """
    if out is None:
        out = rows.new_empty(len(rows), len(columns))
    # Full precision whatever the caller trains with.
    with torch.autocast(rows.device.type, enabled=False):
        if rows.is_cuda or rows.dtype != torch.float32:
            return torch.mm(rows, columns.T, out=out)
        for part, place in zip(columns.split(_TILE), out.split(_TILE, 1)):
            torch.mm(rows, part.T, out=place)
    return out
