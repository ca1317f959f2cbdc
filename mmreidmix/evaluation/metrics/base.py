"""What all metrics over embeddings share: collecting and gathering them."""

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np
import torch
from mmengine.dist import (
    all_gather_object,
    broadcast_object_list,
    is_main_process,
)
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.structures import BaseDataElement

from mmreidmix.distributed import gather_rows
from mmreidmix.evaluation.feature_table import FeatureTable

FIELDS = ('embedding', 'index', 'pid', 'camid', 'domain', 'subset')


def complete_options(owner: str, given: Optional[dict],
                     defaults: dict) -> Optional[dict]:
    """Options with the defaults of those that are absent; None stays None.

    Raises:
        ValueError: an option has no default, i.e. is unknown.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ValueError(f'{owner} must be a dict of options, {{}} for the '
                         f'defaults, or None; got {given!r}')
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise ValueError(f'{owner} has no options {unknown}; there are '
                         f'{list(defaults)}')
    return {**defaults, **given}


class FeatureMetric(BaseMetric):
    """Base of the metrics that score a :class:`RetrievalDataset`.

    Features cross processes as tensors; rank 0 computes, all ranks return
    the same values. A subclass implements :meth:`compute_metrics`, which
    takes a :class:`FeatureTable` and so can score saved features too.

    Args:
        save_features (str, optional): an ``.npz`` file that rank 0 writes
            :class:`FeatureTable` to. Defaults to None.
        prefix (str, optional): put before the result keys.

    Raises:
        ValueError: at :meth:`evaluate`, on every rank, what
            :meth:`compute_metrics` raises.

    Attributes:
        keep_table (bool): keep what was scored, for others to use, in every
            process. Defaults to False.
        table (FeatureTable, optional): what was scored last, where it is
            kept; in the main process.
    """

    default_prefix = ''

    def __init__(self,
                 save_features: Optional[str] = None,
                 prefix: Optional[str] = None):
        super().__init__(prefix=prefix)
        if save_features and not str(save_features).endswith('.npz'):
            raise ValueError(f'{type(self).__name__}: save_features must end '
                             f'with .npz, got {save_features}')
        self.save_features = save_features
        self.keep_table = False
        self.table: Optional[FeatureTable] = None

    @abstractmethod
    def compute_metrics(self, results: FeatureTable) -> dict:
        """Score every domain and log the scores.

        Args:
            results (FeatureTable): all images of all domains.

        Returns:
            dict[str, float]: values by '<domain>/<score>'.
        """

    def process(self, data_batch: object, data_samples: Sequence) -> None:
        """Keep the embeddings and labels of one batch, on the CPU.

        Args:
            data_batch (object): not used.
            data_samples (Sequence[ReIDDataSample or dict]): samples with
                ``embedding`` (D,), ``index``, ``pid``, ``camid``, ``domain``
                and ``subset`` ('query' or 'gallery'); ``img_path`` is needed
                for ``save_features`` and ``keep_table`` only.
        """
        samples = [self._as_dict(sample) for sample in data_samples]
        if not samples:
            return
        rows = torch.tensor([[
            s['index'], s['pid'], s['camid'], s['domain'],
            s['subset'] == 'query'
        ] for s in samples])
        embeddings = torch.stack([s['embedding'] for s in samples])
        paths = [s.get('img_path', '') for s in samples]
        self.results.append((embeddings.detach().float().cpu(), rows, paths))

    def evaluate(self, size: int) -> dict:
        """Gather, score and log; the scores are the same on every rank.

        Args:
            size (int): number of images that are expected; a difference is
                logged as a warning.
        """
        table = self._gather(size)
        self.results.clear()
        message, failure = [None, None], None
        if is_main_process():
            try:
                if self.save_features:
                    table.save(self.save_features)
                if self.keep_table:
                    self.table = table
                message[0] = self.compute_metrics(table)
            except Exception as error:  # raised on every rank, none waits
                failure = error
                message[1] = (isinstance(error, ValueError), str(error))
        broadcast_object_list(message)
        metrics, error = message
        if failure is not None:
            raise failure
        if error is not None:
            raise (ValueError if error[0] else RuntimeError)(error[1])
        return self.with_prefix(metrics)

    def with_prefix(self, metrics: dict) -> dict:
        """Put the prefix, if there is one, before the keys."""
        if not self.prefix:
            return metrics
        return {f'{self.prefix}/{key}': v for key, v in metrics.items()}

    def _gather(self, size: int) -> FeatureTable:
        embeddings, rows, paths = zip(*self.results) if self.results else (
            [torch.zeros(0, 0)], [torch.zeros(0, 5, dtype=torch.int64)], [[]])
        features = gather_rows(torch.cat(embeddings)).numpy()
        rows = gather_rows(torch.cat(rows)).numpy()
        # The loader pads the last ranks with images that came before.
        index, first = np.unique(rows[:, 0], return_index=True)
        if len(index) != size:
            print_log(
                f'{type(self).__name__}: {len(index)} different images '
                f'instead of the {size} of the data set are evaluated',
                logger='current',
                level=logging.WARNING)
        if not len(index):
            raise ValueError(f'{type(self).__name__}: there is no image to '
                             'evaluate')
        paths = self._gather_paths(paths, len(rows))
        if not np.array_equal(first, np.arange(len(rows))):
            features = features[first]
        return FeatureTable.from_images(
            features, rows[first, 1:], paths[first], self.dataset_meta)

    def _gather_paths(self, paths, total: int) -> np.ndarray:
        if not self.save_features and not self.keep_table:
            return np.full(total, '')
        mine = [path for batch in paths for path in batch]
        return np.array(sum(all_gather_object(mine), []))

    def _as_dict(self, sample) -> dict:
        if isinstance(sample, BaseDataElement):
            sample = sample.to_dict()
        name = type(self).__name__
        missing = [key for key in FIELDS if key not in sample]
        if missing:
            raise KeyError(f'{name} needs {missing} in every data sample; it '
                           f'holds {sorted(sample)}')
        if sample['subset'] not in ('query', 'gallery'):
            raise ValueError(
                f"{name}: a data sample's subset must be 'query' or "
                f"'gallery', got {sample['subset']!r}; is the evaluation set "
                'a RetrievalDataset?')
        return sample
