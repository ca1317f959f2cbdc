"""Embeddings of many images, shared by all processes."""

from collections.abc import Callable
from typing import Optional

import torch
import torch.nn as nn
from mmengine.dataset import pseudo_collate
from mmengine.dist import get_dist_info
from mmengine.runner.amp import autocast
from torch.utils.data import DataLoader, Dataset

from mmreidmix.distributed import gather_rows


def shared_batches(num_images: int, batch_size: int, rank: int,
                   world_size: int) -> list[list[int]]:
    """Batches of one process: every ``world_size``-th of a fixed list.

    The batches themselves do not depend on the number of processes, so
    neither do the embeddings.
    """
    starts = range(0, num_images, batch_size)
    return [
        list(range(start, min(start + batch_size, num_images)))
        for start in starts[rank::world_size]
    ]


@torch.no_grad()
def extract_embeddings(model: nn.Module,
                       dataset: Dataset,
                       batch_size: int = 64,
                       num_workers: int = 0,
                       bf16: bool = True,
                       embed: Optional[Callable] = None) -> torch.Tensor:
    """Embed a data set in evaluation mode.

    Args:
        model (nn.Module): a :class:`ReIDBaseline`, not wrapped.
        dataset (Dataset): gives ``inputs`` and ``data_samples``.
        batch_size (int): images per forward pass.
        num_workers (int): loading workers of each process.
        bf16 (bool): autocast to bfloat16.
        embed (Callable, optional): from normalised images (B, 3, H, W) to
            unit-length rows (B, D). Defaults to ``model.embed``.

    Returns:
        Tensor: unit-length rows, shape (N, D), float32, on the CPU, the same
        in every process.
    """
    rank, world_size = get_dist_info()
    batches = shared_batches(len(dataset), batch_size, rank, world_size)
    loader = DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=num_workers,
        collate_fn=pseudo_collate)
    was_training = model.training
    model.eval()
    embed = embed or model.embed
    parts = []
    with autocast(enabled=bf16, dtype=torch.bfloat16):
        for data in loader:
            data = model.data_preprocessor(data, False)
            parts.append(embed(data['inputs']).cpu())
    model.train(was_training)
    indices = torch.tensor([i for batch in batches for i in batch])
    return _in_order(torch.cat(parts) if parts else None, indices,
                     len(dataset))


def _in_order(rows, indices: torch.Tensor, total: int) -> torch.Tensor:
    """Collect the rows of all processes, sorted by image."""
    if get_dist_info()[1] == 1:
        return rows
    width = torch.tensor([0 if rows is None else rows.shape[1]])
    width = int(gather_rows(width).max())
    if rows is None:  # fewer batches than processes
        rows = torch.zeros(0, width, dtype=torch.float32)
        indices = indices.long()
    rows, indices = gather_rows(rows), gather_rows(indices)
    result = rows.new_empty(total, width)
    result[indices] = rows
    return result
