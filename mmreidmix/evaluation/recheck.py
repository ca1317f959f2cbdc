"""Score saved features again, as a result file says."""

from collections.abc import Mapping
from inspect import Parameter, signature

from mmreidmix.registry import METRICS

from .feature_metric import FeatureMetric
from .feature_table import FeatureTable

#: a hundredth of a percent point; another machine may round a product so that
#: two almost equal scores change places
TOLERANCE = 1e-4


def evaluator_options(cfg: Mapping) -> list:
    """All options of the test evaluators, defaults included.

    Args:
        cfg (Mapping): the config, as plain dictionaries.

    Returns:
        list[dict]: 'type' and options, without ``save_features``, which
        changes no score.
    """
    evaluators = cfg.get('test_evaluator') or []
    if isinstance(evaluators, Mapping):
        evaluators = [evaluators]
    found = []
    for given in evaluators:
        options = {**_defaults(METRICS.get(given['type'])), **given}
        options.pop('save_features', None)
        found.append(options)
    return found


def _defaults(kind: type) -> dict:
    defaults = {}
    for parent in kind.__mro__:
        if '__init__' not in vars(parent):
            continue
        options = signature(parent.__init__).parameters.values()
        for option in options:
            if option.default is not Parameter.empty:
                defaults.setdefault(option.name, option.default)
        if all(o.kind != Parameter.VAR_KEYWORD for o in options):
            break  # nothing is passed on to the next class
    return defaults


def rescore(table: FeatureTable, evaluators: list) -> dict:
    """Compute the scores of saved features.

    Args:
        table (FeatureTable): the features.
        evaluators (list[dict]): see :func:`evaluator_options`.

    Returns:
        dict[str, float]: as the evaluators returned them in the test.

    Raises:
        ValueError: an evaluator is no :class:`FeatureMetric` of this package.
    """
    scores = {}
    for options in evaluators:
        metric = _own_metric(options)
        values = metric.compute_metrics(table)
        prefix = options.get('prefix')
        scores.update({f'{prefix}/{key}' if prefix else key: value
                       for key, value in values.items()})
    return scores


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
                   if key not in ('type', 'save_features')})


def differences(recorded: Mapping, scores: Mapping) -> list:
    """What two sets of scores do not share.

    Args:
        recorded (Mapping[str, float]): 'results' of a result file.
        scores (Mapping[str, float]): computed again.

    Returns:
        list[str]: one line per score that is absent on one side or differs
        by more than ``TOLERANCE`` of the larger of 1 and itself, or at all if
        it is a count.
    """
    lines = []
    for key in dict.fromkeys([*recorded, *scores]):
        first, second = recorded.get(key), scores.get(key)
        if None not in (first, second) and abs(
                first - second) <= _tolerance(first):
            continue
        lines.append(f'{key}: recorded {first}, computed {second}')
    return lines


def _tolerance(value) -> float:
    return 0 if isinstance(value, int) else TOLERANCE * max(1, abs(value))
