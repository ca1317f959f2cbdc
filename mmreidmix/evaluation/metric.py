"""Retrieval scores of one or several domains, as an MMEngine metric."""

import logging
from collections.abc import Sequence
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

from mmreidmix.registry import METRICS

from .feature_table import FeatureTable
from .gather import gather_rows
from .ranking import METRICS as DISTANCES

FIELDS = ('embedding', 'index', 'pid', 'camid', 'domain', 'subset')
COUNTS = ('queries', 'queries_without_match')


@METRICS.register_module()
class ReIDMetric(BaseMetric):
    """CMC, mAP and mINP of each domain of a :class:`RetrievalDataset`.

    The rules are those of :mod:`mmreidmix.evaluation.ranking`. Features cross
    processes as tensors; rank 0 computes, all ranks return the same values.

    Result keys: '<domain>/mAP', '<domain>/mINP', '<domain>/rank-k' as
    fractions 0..1, '<domain>/queries', '<domain>/queries_without_match', and,
    with several domains, 'mean/mAP', ... over the domains.

    Args:
        metric (str): 'cosine' or 'euclidean'. Defaults to 'cosine'.
        cross_camera (bool): leave the query's identity in the query's camera
            out of its list. Defaults to True.
        ranks (Sequence[int]): the k of 'rank-k'. Defaults to (1, 5, 10).
        save_features (str, optional): an ``.npz`` file that rank 0 writes
            :class:`FeatureTable` to. Defaults to None.
        prefix (str, optional): put before the result keys.

    Raises:
        ValueError: at :meth:`evaluate`, on every rank, what
            :func:`mmreidmix.evaluation.ranking.rank` raises.
    """

    default_prefix = ''

    def __init__(self,
                 metric: str = 'cosine',
                 cross_camera: bool = True,
                 ranks: Sequence = (1, 5, 10),
                 save_features: Optional[str] = None,
                 prefix: Optional[str] = None):
        super().__init__(prefix=prefix)
        if metric not in DISTANCES:
            raise ValueError(
                f'ReIDMetric: metric must be one of {DISTANCES}, got '
                f'{metric!r}')
        if not ranks or min(ranks) < 1:
            raise ValueError(
                f'ReIDMetric: ranks must be positive, got {ranks}')
        if save_features and not str(save_features).endswith('.npz'):
            raise ValueError('ReIDMetric: save_features must end with .npz, '
                             f'got {save_features}')
        self.metric = metric
        self.cross_camera = cross_camera
        self.ranks = tuple(ranks)
        self.save_features = save_features

    def process(self, data_batch, data_samples: Sequence):
        """Keep the embeddings and labels of one batch, on the CPU.

        Args:
            data_batch: not used.
            data_samples (Sequence[ReIDDataSample or dict]): samples with
                ``embedding`` (D,), ``index``, ``pid``, ``camid``, ``domain``
                and ``subset`` ('query' or 'gallery'); ``img_path`` is needed
                for ``save_features`` only.
        """
        samples = [_as_dict(sample) for sample in data_samples]
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
        """Gather, score and log.

        Args:
            size (int): number of images that are expected; a difference is
                logged as a warning.

        Returns:
            dict[str, float]: the same on every rank.
        """
        table = self._gather(size)
        self.results.clear()
        message = [None, None]
        if is_main_process():
            try:
                message[0] = self.compute_metrics(table)
            except ValueError as error:  # raised on every rank, none waits
                message[1] = str(error)
        broadcast_object_list(message)
        metrics, error = message
        if error is not None:
            raise ValueError(error)
        if not self.prefix:
            return metrics
        return {f'{self.prefix}/{key}': v for key, v in metrics.items()}

    def compute_metrics(self, results: FeatureTable) -> dict:
        """Score every domain and log one table.

        Args:
            results (FeatureTable): all images of all domains.

        Returns:
            dict[str, float]: values by '<domain>/<score>'.
        """
        if self.save_features:
            results.save(self.save_features)
        summaries = {
            str(name): results.rank(
                str(name),
                metric=self.metric,
                cross_camera=self.cross_camera).summary(self.ranks)
            for name in results.domains
        }
        if len(summaries) > 1:
            summaries['mean'] = _mean(list(summaries.values()))
        print_log('\n' + format_table(summaries), logger='current')
        return {
            f'{name}/{key}': value
            for name, summary in summaries.items()
            for key, value in summary.items()
        }

    def _gather(self, size: int) -> FeatureTable:
        embeddings, rows, paths = zip(*self.results) if self.results else (
            [torch.zeros(0, 0)], [torch.zeros(0, 5, dtype=torch.int64)], [[]])
        features = gather_rows(torch.cat(embeddings)).numpy()
        rows = gather_rows(torch.cat(rows)).numpy()
        # The loader pads the last ranks with images that came before.
        index, first = np.unique(rows[:, 0], return_index=True)
        if len(index) != size:
            print_log(
                f'ReIDMetric: {len(index)} different images instead of the '
                f'{size} of the data set are evaluated',
                logger='current',
                level=logging.WARNING)
        if not len(index):
            raise ValueError('ReIDMetric: there is no image to evaluate')
        paths = self._gather_paths(paths, len(rows))
        if not np.array_equal(first, np.arange(len(rows))):
            features = features[first]
        pids, camids, domain, is_query = rows[first, 1:].T
        return FeatureTable(features, pids, camids, domain,
                            is_query.astype(bool), paths[first],
                            self._domain_names(domain))

    def _gather_paths(self, paths, total: int) -> np.ndarray:
        if not self.save_features:
            return np.full(total, '')
        mine = [path for batch in paths for path in batch]
        return np.array(sum(all_gather_object(mine), []))

    def _domain_names(self, domain: np.ndarray) -> np.ndarray:
        names = (self.dataset_meta or {}).get('domains')
        if names is None:
            names = [f'domain{i}' for i in range(domain.max() + 1)]
        return np.array([str(name) for name in names])


def format_table(summaries: dict) -> str:
    """Aligned text of scores, in percent.

    Args:
        summaries (dict[str, dict]): by domain, scores as fractions and the
            counts 'queries' and 'queries_without_match' (a row without them
            shows a dash).

    Returns:
        str: a header, a rule and one line per domain.
    """
    scores = [k for k in next(iter(summaries.values())) if k not in COUNTS]
    lines = [['domain', 'queries', 'without match', *scores]]
    for name, summary in summaries.items():
        lines.append([name] + [str(summary.get(k, '-')) for k in COUNTS] +
                     [f'{100 * summary[k]:.2f}' for k in scores])
    widths = [max(map(len, column)) for column in zip(*lines)]
    texts = [
        '  '.join([line[0].ljust(widths[0])] +
                  [cell.rjust(w) for cell, w in zip(line[1:], widths[1:])])
        for line in lines
    ]
    return '\n'.join([texts[0], '-' * len(texts[0]), *texts[1:]])


def _mean(summaries: list) -> dict:
    return {
        key: float(np.mean([summary[key] for summary in summaries]))
        for key in summaries[0] if key not in COUNTS
    }


def _as_dict(sample) -> dict:
    if isinstance(sample, BaseDataElement):
        sample = sample.to_dict()
    missing = [key for key in FIELDS if key not in sample]
    if missing:
        raise KeyError(
            f'ReIDMetric needs {missing} in every data sample; it holds '
            f'{sorted(sample)}')
    if sample['subset'] not in ('query', 'gallery'):
        raise ValueError(
            "ReIDMetric: a data sample's subset must be 'query' or "
            f"'gallery', got {sample['subset']!r}; is the evaluation set a "
            'RetrievalDataset?')
    return sample
