"""Verification and open-gallery scores, as an MMEngine metric."""

import logging
from collections.abc import Sequence
from typing import Optional

from mmengine.logging import print_log

from mmreidmix.checks import check_between, check_count
from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.open_set import draw_absent, open_set
from mmreidmix.evaluation.functional.query_gallery import QueryGallery
from mmreidmix.evaluation.functional.verification import pair_histogram
from mmreidmix.registry import METRICS

from .base import FeatureMetric, complete_options

OPEN_SET = {'absent': 0.5, 'seed': 0, 'false_alarms': (0.01, 0.1), 'rank': 1}


@METRICS.register_module()
class VerificationMetric(FeatureMetric):
    """Same person or not, and search for people who may be absent.

    Stands alone or beside :class:`ReIDMetric` in a list of evaluators; each
    metric then holds the embeddings once. Definitions are those of
    :mod:`~.functional.verification` and :mod:`~.functional.open_set`, on
    cosines.

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
        for fpr in self.fprs:
            check_between(self, 0, 1, fprs=fpr)
        owner = 'VerificationMetric: open_set'
        self.open_set = complete_options(owner, open_set, OPEN_SET)
        if self.open_set is not None:
            check_between(owner, 0, 1, absent=self.open_set['absent'])
            for rate in self.open_set['false_alarms']:
                check_between(owner, 0, 1, false_alarms=rate)
            check_count(owner, 1, rank=self.open_set['rank'])

    def compute_metrics(self, results: FeatureTable) -> dict:
        """See :class:`FeatureMetric`; one line is logged per domain."""
        metrics = {}
        for name in map(str, results.domains):
            images = results.query_gallery(
                name, cross_camera=self.cross_camera)
            scores = self._verify(images)
            if self.open_set is not None:
                scores.update(self._search(images))
            print_log(
                f'{name}: ' + ', '.join(
                    f'{key} {value:.6g}' for key, value in scores.items()),
                logger='current')
            metrics.update(
                {f'{name}/{key}': value
                 for key, value in scores.items()})
        return metrics

    def _verify(self, images: QueryGallery) -> dict:
        pairs = pair_histogram(images)
        _warn_of_rates(
            [f for f in self.fprs if f < pairs.smallest_fpr()],
            f'{images.name} has {pairs.impostor_pairs:,} impostor pairs, too '
            'few for a false-positive rate of {}: under 30 errors are '
            'expected there')
        return {
            **{f'TPR@FPR={fpr:g}': pairs.tpr_at(fpr)
               for fpr in self.fprs},
            'EER': pairs.eer(),
            'AUC': pairs.auc(),
            'genuine_pairs': pairs.genuine_pairs,
            'impostor_pairs': pairs.impostor_pairs,
            'smallest_FPR': pairs.smallest_fpr(),
        }

    def _search(self, images: QueryGallery) -> dict:
        options = self.open_set
        found = open_set(images, draw_absent(
            images.q_pids, options['absent'], options['seed']))
        absent, rank = len(found.absent_score), options['rank']
        _warn_of_rates(
            [f for f in options['false_alarms'] if f * absent < 1],
            f'{images.name} has {absent:,} queries of absent people, too few '
            'for a false alarm rate of {}: no alarm is allowed there')
        return {
            **{
                f'DIR-{rank}@FAR={rate:g}': found.detection_rate(rate, rank)
                for rate in options['false_alarms']
            },
            'absent_queries': absent,
            'present_queries': len(found.mate_score),
        }


def _warn_of_rates(rates: list, text: str) -> None:
    if rates:
        shown = ', '.join(f'{rate:g}' for rate in rates)
        print_log('VerificationMetric: ' + text.format(shown),
                  logger='current', level=logging.WARNING)
