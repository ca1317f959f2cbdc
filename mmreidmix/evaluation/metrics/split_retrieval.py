"""Retrieval scores of domains that are splits of one set."""

from collections.abc import Sequence

from mmengine.logging import print_log

from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.split_statistics import (
    SPLIT_SETS,
    add_split_means,
    group_splits,
)
from mmreidmix.registry import METRICS

from .retrieval import ReIDMetric


@METRICS.register_module()
class SplitReIDMetric(ReIDMetric):
    """:class:`ReIDMetric` with mean and spread over the splits of a set.

    With a :class:`SharedRetrievalDataset` each image is embedded once for
    all splits. Added keys: '<set>/mAP', '<set>/mAP_std', ... and
    '<set>/splits', see :func:`mmreidmix.evaluation.add_split_means`.

    Args:
        split_sets (Sequence[str]): sets whose domains '<set>-<split>' are
            joined. Defaults to the public ones.
        **kwargs: See :class:`ReIDMetric`.
    """

    def __init__(self, split_sets: Sequence[str] = SPLIT_SETS, **kwargs):
        super().__init__(**kwargs)
        self.split_sets = tuple(split_sets)

    def compute_metrics(self, results: FeatureTable) -> dict:
        """Score every domain, then add the means."""
        metrics = add_split_means(
            super().compute_metrics(results), self.split_sets)
        groups = group_splits(results.domains.tolist(), self.split_sets)
        for name in (name + variant.label for variant in self.variants()
                     for name in groups):
            scores = [key for key in metrics if key.startswith(f'{name}/')
                      and f'{key}_std' in metrics]
            text = ', '.join(
                f'{key.partition("/")[2]} {100 * metrics[key]:.2f} +- '
                f'{100 * metrics[key + "_std"]:.2f}' for key in scores)
            print_log(f'{name}, mean and standard deviation of '
                      f'{metrics[name + "/splits"]} splits: {text}',
                      logger='current')
        return metrics
