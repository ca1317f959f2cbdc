"""Embeddings of many images, shared by all processes."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any, Callable, Optional

import numpy as np
import torch
import torch.nn as nn
from mmengine.dataset import Compose
from mmengine.dist import get_dist_info, get_world_size
from mmengine.runner.amp import autocast
from torch.utils.data import BatchSampler, DataLoader, Dataset, Subset

from mmreidmix.distributed import gather_rows
from mmreidmix.engine.loading_workers import worker_options
from mmreidmix.engine.precision import bfloat16_is_fast_everywhere
from mmreidmix.engine.stop_signals import outlive_signal
from mmreidmix.structures.collate import stack_images


def shared_batches(num_images: int, batch_size: int, rank: int,
                   world_size: int) -> list[list[int]]:
    """Batches of one process: every ``world_size``-th of a fixed list.

    The batches themselves do not depend on the number of processes, so
    neither do the embeddings.
    """
    batches = BatchSampler(range(num_images), batch_size, drop_last=False)
    return list(islice(batches, rank, None, world_size))


@torch.no_grad()
def extract_embeddings(model: nn.Module,
                       dataset: Dataset,
                       batch_size: int = 64,
                       num_workers: int = 0,
                       bf16: Optional[bool] = None,
                       embed: Optional[Callable] = None) -> torch.Tensor:
    """Embed a data set in evaluation mode.

    Args:
        model (nn.Module): a :class:`BaseReID`, not wrapped.
        dataset (Dataset): gives ``inputs`` and ``data_samples``.
        batch_size (int): images per forward pass.
        num_workers (int): loading workers of each process.
        bf16 (bool, optional): in bfloat16 or float32. Defaults to bfloat16
            where that is faster in all processes.
        embed (Callable, optional): from normalised images (B, 3, H, W) to
            unit-length rows (B, D). Defaults to ``model.embed``.

    Returns:
        Tensor: (N, D) float32 rows of unit length, on the CPU, the same in
        every process.
    """
    batches = shared_batches(len(dataset), batch_size, *get_dist_info())
    loader = DataLoader(
        dataset,
        batch_sampler=batches,
        **worker_options(num_workers),
        worker_init_fn=outlive_signal,
        collate_fn=stack_images)
    embed = embed or model.embed
    if bf16 is None:
        bf16 = bfloat16_is_fast_everywhere()
    was_training = model.training
    model.eval()
    # A process may have no batch. gather_rows ignores the width of its part.
    parts = [torch.zeros(0, 0)] if not batches else []
    with autocast(enabled=bf16, dtype=torch.bfloat16):
        for data in loader:
            data = model.data_preprocessor(data, False)
            parts.append(embed(data['inputs']).cpu())
    model.train(was_training)
    rows = torch.cat(parts)
    if get_world_size() == 1:
        return rows
    indices = torch.tensor(list(chain(*batches)), dtype=torch.int64)
    gathered = gather_rows(rows)
    rows = torch.empty_like(gathered)
    rows[gather_rows(indices)] = gathered
    return rows


class DomainEmbedder:
    """Embeds images of training domains as a test would.

    The model's ``label_encoder`` is used. The processes share the work, and
    all get the result.

    Args:
        pipeline (Sequence[dict], optional): test transforms. Defaults to
            those of the validation or test, see :meth:`prepare`.
        **options: of :func:`extract_embeddings`.
    """

    #: Images of one block: the embeddings of a large domain need not fit.
    BLOCK = 1 << 15

    def __init__(self,
                 pipeline: Optional[Sequence[dict]] = None,
                 **options: Any):
        self.pipeline = None if pipeline is None else Compose(pipeline)
        self.options = options

    def prepare(self, cfg: Mapping) -> None:
        """Take the test transforms of a config, if none were given.

        Raises:
            ValueError: the config has neither a validation nor a test set.
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
        """Embed a training domain, or the given images (n,) of it.

        Returns:
            Tensor: (n, D) rows of unit length, on the CPU.
        """
        view = copy.copy(domain)
        view.pipeline = self.pipeline
        if images is not None:
            view = Subset(view, images)
        embed = partial(model.embed, encoder=model.label_encoder)
        return extract_embeddings(model, view, embed=embed, **self.options)

    def labelled(
            self, model: nn.Module,
            mixture: Any) -> tuple[np.ndarray, Iterator[torch.Tensor]]:
        """Embed the images of all labelled domains, block by block.

        Returns:
            tuple[np.ndarray, Iterator[Tensor]]: (n,) images of the mixture,
            and their embeddings in blocks (m, D), computed when taken.
        """
        table, images, blocks = mixture.label_table, [np.empty(0, int)], []
        for index, domain in enumerate(mixture.domains):
            if index in table.unlabelled:
                continue
            span = table.span(index)
            own = np.flatnonzero(table.labels[span] >= 0)
            images.append(own + span.start)
            blocks += [(domain, own[start:start + self.BLOCK])
                       for start in range(0, len(own), self.BLOCK)]
        return np.concatenate(images), (
            self.embed(model, domain, block) for domain, block in blocks)
