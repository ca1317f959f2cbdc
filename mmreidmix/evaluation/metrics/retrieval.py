"""Retrieval scores of one or several domains, as an MMEngine metric."""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Optional

import numpy as np
from mmengine.logging import print_log

from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.query_expansion import (
    OPTIONS as EXPANSION_OPTIONS,
)
from mmreidmix.evaluation.functional.query_expansion import expanded
from mmreidmix.evaluation.functional.query_gallery import METRICS as DISTANCES
from mmreidmix.evaluation.functional.ranking import COUNTS, rank
from mmreidmix.evaluation.functional.reranking import OPTIONS as RERANK_OPTIONS
from mmreidmix.evaluation.functional.reranking import reranked_blocks
from mmreidmix.evaluation.functional.single_shot import (
    OPTIONS as SINGLE_SHOT_OPTIONS,
)
from mmreidmix.evaluation.functional.single_shot import single_gallery_shot
from mmreidmix.registry import METRICS

from .base import FeatureMetric


@METRICS.register_module()
class ReIDMetric(FeatureMetric):
    """CMC, mAP and mINP of each domain of a :class:`RetrievalDataset`.

    The rules are those of :mod:`~.functional.ranking`. Features cross
    processes as tensors; rank 0 computes, all ranks return the same values.

    Result keys: '<domain>/mAP', '<domain>/mINP', '<domain>/rank-k' as
    fractions 0..1, '<domain>/queries', '<domain>/queries_without_match', and,
    with several domains, 'mean/mAP', ... over the domains. Results of query
    expansion and re-ranking come in addition, under names of their own:
    '<domain>+qe/mAP', '<domain>+rerank/mAP' or '<domain>+qe+rerank/mAP'.
    So do the means over drawn galleries of one image per identity:
    '<domain>+single-shot/rank-1', ...

    Args:
        metric (str): 'cosine' or 'euclidean'. Defaults to 'cosine'.
        cross_camera (bool): leave the query's identity in the query's camera
            out of its list. Defaults to True.
        ranks (Sequence[int]): the k of 'rank-k'. Defaults to (1, 5, 10).
        save_features (str, optional): an ``.npz`` file that rank 0 writes
            :class:`FeatureTable` to. Defaults to None.
        rerank (dict, optional): also score k-reciprocal re-ranking with these
            options, see :func:`~.functional.reranking.reranked_blocks`;
            ``{}`` for its defaults. Defaults to None.
        query_expansion (dict, optional): also score expanded queries, see
            :func:`~.functional.query_expansion.expanded`. Defaults to None.
        single_shot (dict, optional): also draw galleries of one image per
            identity, with ``repeats`` and ``seed`` of
            :func:`~mmreidmix.evaluation.single_gallery_shot`; ``{}`` for its
            defaults. Defaults to None.
        device (str): where features are compared, such as 'cuda'. Defaults to
            'cpu'.
        prefix (str, optional): put before the result keys.

    Raises:
        ValueError: at :meth:`evaluate`, on every rank, what
            :func:`mmreidmix.evaluation.rank` raises.

    Attributes:
        rankings (dict[str, RankingResult]): values per query of the last
            evaluation, by what stands before the score in the result keys;
            filled in the main process.
    """

    def __init__(self,
                 metric: str = 'cosine',
                 cross_camera: bool = True,
                 ranks: Sequence = (1, 5, 10),
                 save_features: Optional[str] = None,
                 rerank: Optional[dict] = None,
                 query_expansion: Optional[dict] = None,
                 single_shot: Optional[dict] = None,
                 device: str = 'cpu',
                 prefix: Optional[str] = None):
        super().__init__(save_features=save_features, prefix=prefix)
        if metric not in DISTANCES:
            raise ValueError(
                f'ReIDMetric: metric must be one of {DISTANCES}, got '
                f'{metric!r}')
        if not ranks or min(ranks) < 1:
            raise ValueError(
                f'ReIDMetric: ranks must be positive, got {ranks}')
        self.rerank = _completed('rerank', rerank, reranked_blocks,
                                 RERANK_OPTIONS)
        self.query_expansion = _completed('query_expansion', query_expansion,
                                          expanded, EXPANSION_OPTIONS)
        self.single_shot = _completed('single_shot', single_shot,
                                      single_gallery_shot,
                                      SINGLE_SHOT_OPTIONS)
        for option in ('rerank', 'query_expansion'):
            if getattr(self, option) is not None and metric != 'cosine':
                raise ValueError(f"ReIDMetric: {option} needs metric="
                                 f"'cosine', got {metric!r}")
        self.device = device
        self.metric = metric
        self.cross_camera = cross_camera
        self.ranks = tuple(ranks)
        self.rankings = {}

    def compute_metrics(self, results: FeatureTable) -> dict:
        """Score every domain and log one table.

        Args:
            results (FeatureTable): all images of all domains.

        Returns:
            dict[str, float]: values by '<domain>/<score>'.
        """
        summaries, self.rankings = {}, {}
        for label, function, options in self._variants():
            found = {
                f'{name}{label}': results.compare(
                    function,
                    *results.sides(str(name)),
                    metric=self.metric,
                    cross_camera=self.cross_camera,
                    name=str(name),
                    device=self.device,
                    **options)
                for name in results.domains
            }
            if function is rank:
                self.rankings.update(found)
            scored = {
                name: self._without_spread(result.summary(self.ranks))
                for name, result in found.items()
            }
            if len(scored) > 1:
                scored[f'mean{label}'] = _mean(list(scored.values()))
            summaries.update(scored)
        print_log('\n' + format_table(summaries), logger='current')
        return {
            f'{name}/{key}': value
            for name, summary in summaries.items()
            for key, value in summary.items()
        }

    def _variants(self):
        """Yield what is added to a domain's name, a function, its options."""
        yield '', rank, {}
        labels, options = '', {}
        if self.query_expansion is not None:
            labels += '+qe'
            options['query_expansion'] = self.query_expansion
        if self.rerank is not None:
            labels += '+rerank'
            options['rerank'] = self.rerank
        if options:
            yield labels, rank, options
        if self.single_shot is not None:
            yield '+single-shot', single_gallery_shot, self.single_shot

    def _without_spread(self, summary: dict) -> dict:
        # The spread of a split is that over draws; a result has one spread,
        # that over splits.
        known = ('mAP', 'mINP', *(f'rank-{k}' for k in self.ranks), *COUNTS)
        return {key: summary[key] for key in known if key in summary}


def find_metric(evaluator, user: str) -> ReIDMetric:
    """The first :class:`ReIDMetric` of an evaluator.

    Args:
        evaluator (Evaluator): of a validation or a test.
        user (str): who needs it, for the message.

    Raises:
        ValueError: there is none.
    """
    for metric in evaluator.metrics:
        if isinstance(metric, ReIDMetric):
            return metric
    raise ValueError(f'{user} needs a ReIDMetric in the evaluator')


def format_table(summaries: dict) -> str:
    """Aligned text of scores, in percent.

    Args:
        summaries (dict[str, dict]): by domain, scores as fractions and the
            counts 'queries' and 'queries_without_match' (a row without them
            shows a dash, and so does one without a score).

    Returns:
        str: a header, a rule and one line per domain.
    """
    scores = [k for k in next(iter(summaries.values())) if k not in COUNTS]
    lines = [['domain', 'queries', 'without match', *scores]]
    for name, summary in summaries.items():
        lines.append([name] + [str(summary.get(k, '-')) for k in COUNTS] +
                     [f'{100 * summary[k]:.2f}' if k in summary else '-'
                      for k in scores])
    widths = [max(map(len, column)) for column in zip(*lines)]
    texts = [
        '  '.join([line[0].ljust(widths[0])] +
                  [cell.rjust(w) for cell, w in zip(line[1:], widths[1:])])
        for line in lines
    ]
    return '\n'.join([texts[0], '-' * len(texts[0]), *texts[1:]])


def _completed(name: str, options: Optional[dict], function: Callable,
               known: tuple) -> Optional[dict]:
    """Options with the defaults of the function for those that are absent."""
    if options is None:
        return None
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f'ReIDMetric: {name} has no options {unknown}; there '
                         f'are {known}')
    parameters = signature(function).parameters
    return {key: options.get(key, parameters[key].default) for key in known}


def _mean(summaries: list) -> dict:
    return {
        key: float(np.mean([summary[key] for summary in summaries]))
        for key in summaries[0] if key not in COUNTS
    }
