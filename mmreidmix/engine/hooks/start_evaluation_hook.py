"""What the start of a training scores, and what the training made of it."""

import json
import logging
import os
from pathlib import Path
from typing import Optional

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.compat import is_resumed
from mmreidmix.engine.hooks.check_weights_hook import CheckWeightsHook
from mmreidmix.engine.start import describe_start, score_start, start_text
from mmreidmix.registry import HOOKS
from mmreidmix.results.record import describe_test, save_test
from mmreidmix.results.result_file import write_result
from mmreidmix.results.start_row import start_to_end


@HOOKS.register_module()
class StartEvaluationHook(Hook):
    """Scores the weights that a training starts from, before its first step.

    They are tested on the domains of the validation, at the size they were
    made for, if their file tells. The scores are written to ``start.json`` in
    the work dir (a result file, as of ``tools/test.py CONFIG none``), into
    checkpoints, and as epoch 0 for the curves. At the end one line per domain
    says ``start -> end``; it is a warning where the end is lower. Random
    numbers and weights stay as they are: a training is the same with and
    without it. A resumed run has the scores from its checkpoint.

    Args:
        evaluate (bool): False: the start is not tested, for large tested
            sets. Checkpoints still name its weights. Defaults to True.
    """

    # Behind all that prepares a model, and the last to speak.
    priority = 'LOWEST'

    def __init__(self, evaluate: bool = True):
        self.evaluate = evaluate
        self.resumed = False
        self.start: Optional[dict] = None
        self.end: Optional[dict] = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take over what an interrupted run knows of its start."""
        if is_resumed(runner):
            self.resumed = True
            self.start = checkpoint.get('start')

    def before_train(self, runner: Runner) -> None:
        """Find out what the start is, and test it."""
        if self.resumed:
            self._take_over(runner)
            return
        self.start = describe_start(runner.cfg, 'val_dataloader')
        if runner.val_loop is None or not self.evaluate:
            return
        if not hasattr(runner.val_dataloader.dataset, 'parts'):
            runner.logger.info('The start is not tested: the validation set '
                               'is no RetrievalDataset')
            return
        runner.logger.info(
            f'{start_text(self.start)}, on '
            f'{len(runner.val_dataloader.dataset):,} images '
            '(default_hooks.start.evaluate=False skips it)')
        scores = score_start(runner, self.start)
        self.start['scores'] = self._save(runner, scores)

    def _take_over(self, runner: Runner) -> None:
        """Say it, or write it down again: the work dir may be another."""
        if self.start is None:
            runner.logger.info('the resumed checkpoint does not say what its '
                               'training started from')
        elif self.start.get('scores') and is_main_process():
            write_result(
                os.path.join(runner.work_dir, 'start.json'),
                self.start['scores'])

    def _save(self, runner: Runner, scores: dict) -> Optional[dict]:
        """Write result file and scalars; returns the content of the file."""
        if not is_main_process():
            return None
        runner.visualizer.add_scalars(scores, step=0)
        record = describe_test(
            runner,
            scores,
            CheckWeightsHook(),
            config=str(runner.cfg.filename or runner.experiment_name),
            checkpoint='none',
            start=self.start,
            part='val')
        file = os.path.join(runner.work_dir, 'start.json')
        save_test(file, record, runner.val_evaluator.metrics)
        # Plain values alone, which a checkpoint may hold.
        return json.loads(Path(file).read_text(encoding='utf-8'))

    def after_val_epoch(self, runner: Runner,
                        metrics: Optional[dict] = None) -> None:
        """Keep the newest scores."""
        self.end = metrics

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save what is known of the start."""
        if self.start is not None:
            checkpoint['start'] = self.start

    def after_train(self, runner: Runner) -> None:
        """Say what became of it."""
        scores = (self.start or {}).get('scores')
        if not scores or not self.end:
            return
        for line, lower in start_to_end(scores['results'], self.end):
            if lower:
                line += ' (lower than the start)'
            runner.logger.log(logging.WARNING if lower else logging.INFO,
                              f'start -> end, {line}')
