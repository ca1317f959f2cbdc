"""A look at the labels before a training or a test."""

import logging
from collections.abc import Sequence

from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmreidmix.doctor import (
    Part,
    check_labels,
    one_line,
    parts_of_mixture,
    parts_of_test,
    unmatched,
)
from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class DoctorHook(Hook):
    """Logs what is wrong with the labels of the data sets of a run.

    It reads no image. ``tools/analysis_tools/data_doctor.py`` looks at those
    too, and shows examples. The tools that train and test use this hook.

    Raises:
        ValueError: no query of a domain has a match, so that no score can be
            computed.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Look at training and validation images."""
        parts = parts_of_mixture(runner.train_dataloader.dataset)
        if runner.val_loop is None:
            report(parts, True)
            return
        parts += parts_of_test(runner.val_dataloader.dataset)
        report(parts, crosses_cameras(runner.val_evaluator))

    def before_test(self, runner: Runner) -> None:
        """Look at query and gallery."""
        report(parts_of_test(runner.test_dataloader.dataset),
               crosses_cameras(runner.test_evaluator))


def crosses_cameras(evaluator: Evaluator) -> bool:
    """Whether the query's person in the query's camera is left out."""
    return all(getattr(metric, 'cross_camera', True)
               for metric in evaluator.metrics)


def report(parts: Sequence[Part], cross_camera: bool) -> None:
    """Log errors and warnings, a line each; the data sets log their counts.

    Raises:
        ValueError: see :class:`DoctorHook`.
    """
    findings = [finding for finding in check_labels(parts, cross_camera)
                if finding.level != 'note' and finding.name != 'counts']
    for finding in findings:
        print_log(f'Doctor: {one_line(finding)}', logger='current',
                  level=logging.WARNING)
    hopeless = unmatched(findings)
    if hopeless:
        raise ValueError(
            f'{hopeless[0].headline}: no score can be computed. Query and '
            'gallery must share identities'
            + (', seen by other cameras; cross_camera=False of the evaluator '
               'counts the same camera too' if cross_camera else ''))
    if findings:
        print_log('Doctor: tools/analysis_tools/data_doctor.py shows examples '
                  'and what to do', logger='current')
