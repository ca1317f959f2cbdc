"""Verification and open-gallery scores, as an MMEngine metric."""

import logging
from collections.abc import Sequence
from typing import Optional

from mmengine.logging import print_log

from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.verification import (
    check_share,
    draw_absent,
    open_set,
    pair_histogram,
)
from mmreidmix.registry import METRICS

from .base import FeatureMetric

OPEN_SET = {'absent': 0.5, 'seed': 0, 'false_alarms': (0.01, 0.1), 'rank': 1}


@METRICS.register_module()
class VerificationMetric(FeatureMetric):
    """Same person or not, and search for people who may be absent.

    Stands alone or beside :class:`ReIDMetric` in a list of evaluators; each
    metric then holds the embeddings once. Definitions are those of
    :mod:`mmreidmix.evaluation.functional.verification`, on cosines.

    Result keys, each after '<domain>/': 'TPR@FPR=0.001', ..., 'EER', 'AUC',
    'genuine_pairs', 'impostor_pairs', 'smallest_FPR' (rates below it rest on
    fewer than 30 impostor pairs, which is also logged); with ``open_set``
    'DIR-1@FAR=0.01', ..., 'absent_queries' and 'present_queries'.

    Args:
        fprs (Sequence[float]): false-positive rates of 'TPR@FPR'. Defaults to
            (1e-2, 1e-3, 1e-4, 1e-5).
        cross_camera (bool): count pairs of different cameras only. Defaults
            to True.
        open_set (dict, optional): also search with people taken out of the
            gallery. Keys: ``absent`` (share of the query people, 0.5),
            ``seed`` of their draw (0), ``false_alarms`` (rates, (0.01, 0.1))
            and ``rank`` (1). Defaults to None: no such search.
        save_features (str, optional): see :class:`FeatureMetric`.
        prefix (str, optional): put before the result keys.
    """

    def __init__(self,
                 fprs: Sequence = (1e-2, 1e-3, 1e-4, 1e-5),
                 cross_camera: bool = True,
                 open_set: Optional[dict] = None,
                 save_features: Optional[str] = None,
                 prefix: Optional[str] = None):
        super().__init__(save_features=save_features, prefix=prefix)
        self.fprs = tuple(fprs)
        self.cross_camera = cross_camera
        self.open_set = open_set if open_set is None else _open_set_options(
            open_set)
        for fpr in self.fprs:
            check_share(fpr, 'VerificationMetric: each of fprs')

    def compute_metrics(self, results: FeatureTable) -> dict:
        """Score every domain and log its values.

        Args:
            results (FeatureTable): all images of all domains.

        Returns:
            dict[str, float]: values by '<domain>/<score>'.
        """
        metrics = {}
        for name in map(str, results.domains):
            scores = self._verify(results, name)
            if self.open_set is not None:
                scores.update(self._search(results, name))
            print_log(
                f'{name}: ' + ', '.join(
                    f'{key} {value:.6g}' for key, value in scores.items()),
                logger='current')
            metrics.update(
                {f'{name}/{key}': value
                 for key, value in scores.items()})
        return metrics

    def _verify(self, table: FeatureTable, name: str) -> dict:
        pairs = table.compare(
            pair_histogram,
            *table.sides(name),
            cross_camera=self.cross_camera,
            name=name)
        weak = [f for f in self.fprs if f < pairs.smallest_fpr()]
        if weak:
            print_log(
                f'VerificationMetric: {name} has {pairs.impostor_pairs:,} '
                'impostor pairs, too few for a false-positive rate of '
                f'{", ".join(f"{f:g}" for f in weak)}: under 30 errors are '
                'expected there',
                logger='current',
                level=logging.WARNING)
        return {
            **{f'TPR@FPR={fpr:g}': pairs.tpr_at(fpr)
               for fpr in self.fprs},
            'EER': pairs.eer(),
            'AUC': pairs.auc(),
            'genuine_pairs': pairs.genuine_pairs,
            'impostor_pairs': pairs.impostor_pairs,
            'smallest_FPR': pairs.smallest_fpr(),
        }

    def _search(self, table: FeatureTable, name: str) -> dict:
        options = self.open_set
        query, gallery = table.sides(name)
        found = table.compare(
            open_set,
            query,
            gallery,
            absent=draw_absent(table.pids[query], options['absent'],
                               options['seed']),
            cross_camera=self.cross_camera,
            name=name)
        absent = len(found.absent_score)
        weak = [f for f in options['false_alarms'] if f * absent < 1]
        if weak:
            print_log(
                f'VerificationMetric: {name} has {absent:,} queries of absent '
                f'people, too few for a false alarm rate of '
                f'{", ".join(f"{f:g}" for f in weak)}: no alarm is allowed '
                'there',
                logger='current',
                level=logging.WARNING)
        rank = options['rank']
        return {
            **{
                f'DIR-{rank}@FAR={rate:g}': found.detection_rate(rate, rank)
                for rate in options['false_alarms']
            },
            'absent_queries': absent,
            'present_queries': len(found.mate_score),
        }


def _open_set_options(given: dict) -> dict:
    unknown = sorted(set(given) - set(OPEN_SET))
    if unknown:
        raise ValueError(f'VerificationMetric: open_set has no option '
                         f'{unknown}; there are {list(OPEN_SET)}')
    options = {**OPEN_SET, **given}
    for rate in (options['absent'], *options['false_alarms']):
        check_share(rate, 'VerificationMetric: absent and each of false_'
                    'alarms of open_set')
    if options['rank'] < 1:
        raise ValueError('VerificationMetric: rank of open_set must be at '
                         f'least 1, got {options["rank"]}')
    return options
