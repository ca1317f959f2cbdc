"""Embeddings of many images, shared by all processes."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Callable, Optional

import numpy as np
import torch
import torch.nn as nn
from mmengine.dataset import Compose, pseudo_collate
from mmengine.dist import get_dist_info
from mmengine.runner.amp import autocast
from torch.utils.data import DataLoader, Dataset, Subset

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
        model (nn.Module): a :class:`BaseReID`, not wrapped.
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


class DomainEmbedder:
    """Embeds images of training domains as a test would.

    With the model's ``label_encoder``, the same in all processes, which share
    the work.

    Args:
        pipeline (Sequence[dict], optional): test transforms. Defaults to
            those of the validation, or of the test, see :meth:`prepare`.
        batch_size (int): images per forward pass of a process.
        num_workers (int): loading workers of a process.
        bf16 (bool): embed in bfloat16.
    """

    #: Images of one block: all of a large domain may be too much.
    BLOCK = 1 << 15

    def __init__(self,
                 pipeline: Optional[Sequence[dict]] = None,
                 batch_size: int = 64,
                 num_workers: int = 0,
                 bf16: bool = True):
        self.pipeline = None if pipeline is None else Compose(pipeline)
        self.options = dict(
            batch_size=batch_size, num_workers=num_workers, bf16=bf16)

    def prepare(self, cfg: Mapping) -> None:
        """Take the transforms of a config, where none were given.

        Args:
            cfg (Mapping): of the run.

        Raises:
            ValueError: it has neither a validation nor a test set.
        """
        if self.pipeline is not None:
            return
        for name in ('val_dataloader', 'test_dataloader'):
            dataset = (cfg.get(name) or {}).get('dataset') or {}
            if dataset.get('pipeline'):
                self.pipeline = Compose(dataset['pipeline'])
                return
        raise ValueError(
            'images can not be embedded for pseudo labels: the config has no '
            'val_dataloader.dataset.pipeline; set '
            'default_hooks.pseudo_labels.pipeline to the test transforms')

    def embed(self, model: nn.Module, domain: Dataset,
              images: Optional[np.ndarray] = None) -> torch.Tensor:
        """Embed a domain, or some of its images.

        Args:
            model (nn.Module): a :class:`BaseReID`, not wrapped.
            domain (BaseReIDDataset): a training domain.
            images (np.ndarray, optional): which images, shape (n,).

        Returns:
            Tensor: unit-length rows, shape (n, D), on the CPU.
        """
        view = copy.copy(domain)
        view.pipeline = self.pipeline
        if images is not None:
            view = Subset(view, images)
        embed = partial(model.embed, encoder=model.label_encoder)
        return extract_embeddings(model, view, embed=embed, **self.options)

    def labelled(self, model: nn.Module, mixture) -> tuple:
        """Embed the images of all labelled domains, block by block.

        Args:
            model (nn.Module): a :class:`BaseReID`, not wrapped.
            mixture (DomainMixture): the training set.

        Returns:
            tuple[np.ndarray, Iterator[Tensor]]: images of the mixture, shape
            (n,), and their embeddings in blocks (m, D).
        """
        table, found = mixture.label_table, {}
        for index in range(len(mixture.domains)):
            if index not in table.unlabelled:
                found[index] = np.flatnonzero(
                    table.labels[table.span(index)] >= 0)
        images = [np.empty(0, np.int64)] + [
            own + table.span(index).start for index, own in found.items()
        ]
        return np.concatenate(images), self._blocks(model, mixture, found)

    def _blocks(self, model, mixture, found: dict) -> Iterator[torch.Tensor]:
        for index, own in found.items():
            for start in range(0, len(own), self.BLOCK):
                yield self.embed(model, mixture.domains[index],
                                 own[start:start + self.BLOCK])
