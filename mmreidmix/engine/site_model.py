"""A model that is tested with the batch-norm statistics of each site."""

from collections.abc import Iterator, Mapping
from typing import Any, Optional

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmreidmix.engine.unwrap import bare_model
from mmreidmix.models.batch_norm import (
    estimate_batch_norm,
    load_batch_norm,
    shuffled_batches,
)


class SiteModel(BaseModel):
    """Embeds the images of each domain with the statistics of that domain.

    Args:
        model (BaseReID): is changed.
        statistics (Sequence[Mapping]): of :func:`estimate_batch_norm`, for
            each domain.
    """

    def __init__(self, model: nn.Module, statistics: list[Mapping]):
        super().__init__(model.data_preprocessor)
        self.model = model
        self.statistics = statistics

    def forward(self, inputs: Tensor, data_samples: Optional[list] = None,
                mode: str = 'predict') -> list:
        """Set ``embedding`` (D,) of each sample."""
        domains = np.array([sample.domain for sample in data_samples])
        for domain in np.unique(domains):
            rows = np.flatnonzero(domains == domain)
            load_batch_norm(self.model, self.statistics[domain])
            self.model(inputs[rows], [data_samples[i] for i in rows], mode)
        return data_samples


class SiteStatisticsHook(Hook):
    """Re-estimates batch norm on the images of each tested domain.

    It uses the tested images without their labels: the result is no longer
    that of the model alone.

    Args:
        statistics (list[Mapping], optional): of each domain; None: estimate
            them.
    """

    def __init__(self, statistics: Optional[list[Mapping]] = None):
        self.statistics = statistics

    def before_test(self, runner: Runner) -> None:
        """Put a :class:`SiteModel` in the place of the model."""
        model, dataset = bare_model(runner), runner.test_dataloader.dataset
        if 'rows' in dataset.metainfo:
            raise ValueError(
                'batch-norm statistics of each domain need a '
                'RetrievalDataset: in a SharedRetrievalDataset an image is '
                'of several domains')
        statistics = self.statistics or [
            estimate_batch_norm(model, image_batches(
                model, dataset, *dataset.offsets[[first, first + 2]]))
            for first in range(0, len(dataset.parts), 2)
        ]
        runner.model = SiteModel(model, statistics)


@torch.no_grad()
def image_batches(model: nn.Module, dataset: Dataset, begin: int = 0,
                  end: Optional[int] = None) -> Iterator[Tensor]:
    """Normalised images of a data set, shuffled, in batches (B, 3, H, W)."""
    end = len(dataset) if end is None else end
    for batch in shuffled_batches(end - begin):
        data: Any = pseudo_collate([dataset[int(begin + i)] for i in batch])
        yield model.data_preprocessor(data, False)['inputs']
