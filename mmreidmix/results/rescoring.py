"""Score saved features again, as a result file says."""

from collections.abc import Mapping
from inspect import Parameter
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mmreidmix.evaluation.feature_table import FeatureTable
from mmreidmix.evaluation.functional.ranking import RankingResult
from mmreidmix.evaluation.metrics.base import FeatureMetric
from mmreidmix.registry import METRICS
from mmreidmix.signatures import options_of

from .provenance import file_hash
from .result_file import read_queries, read_result

# A hundredth of a percent point: another machine may round a product so that
# two almost equal scores change places.
TOLERANCE = 1e-4
# Options that change no score.
NO_SCORE = ('save_features', 'device')


def evaluator_options(cfg: Mapping, part: str = 'test') -> list[dict]:
    """All options of the evaluators of a test, defaults included.

    Args:
        cfg (Mapping): the config, as plain dictionaries.
        part (str): 'test', or 'val' for those of the validation.

    Returns:
        list[dict]: 'type' and options, those inside an option too if they are
        not None, without ``save_features`` and ``device``, which change no
        score.
    """
    evaluators = cfg.get(f'{part}_evaluator') or []
    if isinstance(evaluators, Mapping):
        evaluators = [evaluators]
    found = []
    for given in evaluators:
        kind = METRICS.get(given['type'])
        options = {
            **{name: option.default
               for name, option in options_of(kind).items()
               if option.default is not Parameter.empty},
            **given
        }
        if issubclass(kind, FeatureMetric):
            # The metric completes the options inside an option.
            metric = kind(**{k: v for k, v in options.items() if k != 'type'})
            options.update({
                key: {name: option
                      for name, option in getattr(metric, key).items()
                      if option is not None}
                for key, value in options.items()
                if isinstance(value, Mapping)
            })
        found.append({key: value for key, value in options.items()
                      if key not in NO_SCORE})
    return found


def rescore(table: FeatureTable,
            evaluators: list[dict]) -> tuple[dict, dict]:
    """Compute the scores of saved features.

    Args:
        table (FeatureTable): the features.
        evaluators (list[dict]): see :func:`evaluator_options`.

    Returns:
        tuple[dict[str, float], dict[str, RankingResult]]: scores as the
        evaluators returned them in the test, and the values of each query by
        what stands before the scores.

    Raises:
        ValueError: an evaluator is no :class:`FeatureMetric` of this package.
    """
    scores: dict[str, float] = {}
    rankings: dict[str, RankingResult] = {}
    for options in evaluators:
        metric = _own_metric(options)
        scores.update(metric.with_prefix(metric.compute_metrics(table)))
        rankings.update(metric.with_prefix(getattr(metric, 'rankings', {})))
    return scores, rankings


def reproduce_result(features: Union[str, Path],
                     results: Optional[str] = None) -> str:
    """Compute a result again from its features and compare.

    Args:
        features (str | Path): what ``save_features`` wrote.
        results (str, optional): the result file; by default
            ``results.json`` beside the features.

    Returns:
        str: what is confirmed.

    Raises:
        ValueError: the features are others, or some scores differ.
    """
    file = results or Path(features).with_name('results.json')
    recorded = read_result(file)
    hashes = [entry['sha256'] for entry in recorded.get('features', [])]
    if hashes and file_hash(features) not in hashes:
        raise ValueError(f'{features} is not the file that {file} was '
                         'computed from: the SHA-256 differ')
    scores, rankings = rescore(
        FeatureTable.load(features), recorded['evaluators'])
    lines = score_differences(recorded['results'], scores)
    queries = read_queries(file)
    if queries is not None:
        lines += query_differences(queries, rankings)
    if lines:
        raise ValueError('\n'.join(
            [f'{file}: {len(lines)} values differ:', *lines]))
    return (f'{file}: all {len(scores)} scores are confirmed by {features}, '
            f'{"with" if queries else "without"} the values of each query')


def _own_metric(options: Mapping) -> FeatureMetric:
    """Build a metric of this package.

    A registry also imports what a dotted name stands for, and a result file
    may come from anywhere.
    """
    name = options.get('type')
    kind = METRICS.module_dict.get(name) if isinstance(name, str) else None
    if not (isinstance(kind, type) and issubclass(kind, FeatureMetric)):
        raise ValueError(f'evaluators: type {name!r} is no metric of '
                         'embeddings in this package')
    return kind(**{key: value for key, value in options.items()
                   if key not in ('type', *NO_SCORE)})


def score_differences(recorded: Mapping[str, float],
                      computed: Mapping[str, float]) -> list[str]:
    """One line for each score that two results do not share.

    A score may differ by ``TOLERANCE`` of the larger of 1 and itself, a count
    not at all.
    """
    lines = []
    for key in dict.fromkeys([*recorded, *computed]):
        first, second = recorded.get(key), computed.get(key)
        if first is not None and second is not None:
            tolerance = 0 if isinstance(first, int) else (
                TOLERANCE * max(1, abs(first)))
            if abs(first - second) <= tolerance:
                continue
        lines.append(f'{key}: recorded {first}, computed {second}')
    return lines


def query_differences(recorded: Mapping[str, RankingResult],
                      computed: Mapping[str, RankingResult]) -> list[str]:
    """One line for each ranking whose values per query are not the same.

    The average precision of a query may differ by ``TOLERANCE``, but not
    whether it has a match.
    """
    lines = []
    for name in dict.fromkeys([*recorded, *computed]):
        first, second = recorded.get(name), computed.get(name)
        if first is None or second is None:
            lines.append(f'{name}: values per query on one side alone')
        elif len(first.ap) != len(second.ap):
            lines.append(f'{name}: {len(first.ap)} queries recorded, '
                         f'{len(second.ap)} computed')
        else:
            same = np.isclose(first.ap, second.ap, rtol=0, atol=TOLERANCE,
                              equal_nan=True)
            same &= (first.first_match_rank < 0) == (
                second.first_match_rank < 0)
            if not same.all():
                lines.append(f'{name}: {(~same).sum()} of {len(same)} queries '
                             f'differ, the first is {same.argmin()}')
    return lines
