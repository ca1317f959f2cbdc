"""Pictures of what a model has learned, drawn while it is trained."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmreidmix.engine.unwrap import bare_model
from mmreidmix.evaluation import find_metric
from mmreidmix.registry import HOOKS
from mmreidmix.visualization import (
    as_image,
    camera_confusion,
    domain_cluster_sheet,
    domain_rank_lists,
    draw_activation_maps,
    draw_camera_confusion,
    draw_curves,
    file_name,
    read_scalars,
    table_embedding_map,
)
from mmreidmix.visualization.grad_cam import explain

#: Pictures and their options.
PICTURES: dict[str, tuple] = dict(
    rank_lists=('num', 'topk'),
    cluster_sheets=('num', 'images'),
    activation_maps=('num', ),
    embedding_map=('method', 'max_points', 'identities'),
    camera_confusion=(),
    curves=())

Pictures = Iterator[tuple[str, np.ndarray]]


@HOOKS.register_module()
class PicturesHook(Hook):
    """Draws pictures after a validation, for the back ends of the visualizer.

    The features are those that the validation has scored. The same queries
    and people are drawn each time. The random states, the weights and their
    gradients stay as they are: a training is the same with and without it.
    The main process draws; a picture that fails is logged as a warning and
    does not end the training.

    Args:
        interval (int): epochs between two sets of pictures; they are drawn by
            the first validation that so many epochs have passed by, and by
            the last of the training. Defaults to 1.
        pictures (dict[str, dict], optional): what to draw, with options of
            the functions in :mod:`mmreidmix.visualization`:
            'rank_lists' (num, topk), 'cluster_sheets' (num, images),
            'activation_maps' (num), 'embedding_map' (method, max_points,
            identities), 'camera_confusion', 'curves'. Defaults to all.
        domains (Sequence[str], optional): tested domains that are drawn; all
            by default.
        seed (int): of every sample.

    Raises:
        ValueError: an option out of its range, or a training without a
            validation by a :class:`ReIDMetric`.
    """

    # Before EMAHook puts the weights back that were not validated.
    priority = 'ABOVE_NORMAL'

    def __init__(self,
                 interval: int = 1,
                 pictures: Optional[Mapping[str, dict]] = None,
                 domains: Optional[Sequence[str]] = None,
                 seed: int = 0):
        if pictures is None:
            pictures = dict.fromkeys(PICTURES, {})
        if interval < 1 or set(pictures) - set(PICTURES):
            raise ValueError(
                'PicturesHook: interval must be at least 1 and pictures some '
                f'of {list(PICTURES)}, got {interval} and {list(pictures)}')
        for name, options in pictures.items():
            unknown = sorted(set(options) - set(PICTURES[name]))
            if unknown:
                raise ValueError(
                    f'PicturesHook: {name} has no option {unknown}, its '
                    f'options are {list(PICTURES[name])}')
        self.interval = interval
        self.pictures = pictures
        self.domains = domains
        self.seed = seed
        self.metric = None

    def before_train(self, runner: Runner) -> None:
        """Find whose features are drawn."""
        if runner.val_loop is None:
            raise ValueError('PicturesHook draws what a validation has '
                             'scored: set val_dataloader and val_evaluator')
        self.metric = find_metric(runner.val_evaluator, 'PicturesHook')

    def before_val_epoch(self, runner: Runner) -> None:
        """Ask for the features, in every process."""
        if self.metric is not None:
            self.metric.keep_table = self._due(runner)

    def after_val_epoch(self, runner: Runner,
                        metrics: Optional[dict] = None) -> None:
        """Draw."""
        if self.metric is None or not self.metric.keep_table or (
                not is_main_process()):
            return
        start, count = time.perf_counter(), 0
        for name, options in self.pictures.items():
            try:
                for title, image in getattr(self, f'_{name}')(
                        runner, metrics, **options):
                    runner.visualizer.add_image(title, image, runner.epoch)
                    count += 1
            except Exception as error:
                print_log(
                    f'PicturesHook: {name} can not be drawn: {error}',
                    logger='current',
                    level=logging.WARNING)
        self.metric.table = None
        runner.logger.info(f'{count} pictures of epoch {runner.epoch} in '
                           f'{time.perf_counter() - start:.1f} s')

    def after_train(self, runner: Runner) -> None:
        """Let a later validation be one without pictures."""
        self.metric.keep_table = False
        self.metric = None

    def _due(self, runner: Runner) -> bool:
        before = runner.epoch - runner.val_interval
        return (runner.epoch // self.interval > before // self.interval
                or runner.epoch == runner.max_epochs)

    def _names(self) -> Sequence[str]:
        return self.metric.table.domains.tolist() if (
            self.domains is None) else self.domains

    def _scoring(self) -> dict:
        return dict(
            metric=self.metric.metric, cross_camera=self.metric.cross_camera)

    def _rank_lists(self, runner, metrics, num=8, **options) -> Pictures:
        for name in self._names():
            yield f'rank_lists_{file_name(name)}', domain_rank_lists(
                self.metric.table, name, num=num, seed=self.seed,
                **self._scoring(), **options)

    def _camera_confusion(self, runner, metrics) -> Pictures:
        for name in self._names():
            figure = draw_camera_confusion(
                camera_confusion(self.metric.table, name, **self._scoring()),
                name)
            yield f'camera_confusion_{file_name(name)}', as_image(figure)

    def _embedding_map(self, runner, metrics, **options) -> Pictures:
        figure = table_embedding_map(
            self.metric.table, self.domains, seed=self.seed, **options)
        yield 'embedding_map', as_image(figure)

    def _activation_maps(self, runner, metrics, num=12) -> Pictures:
        table, rng = self.metric.table, np.random.default_rng(self.seed)
        pipeline = runner.val_dataloader.dataset.pipeline
        for name in self._names():
            query = table.rows_of(name)[0]
            rows = np.sort(rng.permutation(query)[:num])
            images, maps = explain(
                bare_model(runner), pipeline, table.img_path[rows])
            yield f'activation_maps_{file_name(name)}', draw_activation_maps(
                images, maps, notes=[f'id {pid}' for pid in table.pids[rows]],
                title=f'{name}: {len(rows)} of {len(query)} queries')

    def _cluster_sheets(self, runner, metrics, **options) -> Pictures:
        mixture = runner.train_dataloader.dataset
        table = mixture.label_table
        for domain in table.unlabelled:
            if (table.labels[table.span(domain)] >= 0).any():
                name = file_name(mixture.names[domain])
                yield f'clusters_{name}', domain_cluster_sheet(
                    mixture, domain, seed=self.seed, **options)

    def _curves(self, runner, metrics) -> Pictures:
        # The scores of this validation are written after this hook.
        now = dict(metrics or {}, at=runner.epoch)
        figure = draw_curves([*read_scalars(runner.work_dir), now],
                             Path(runner.work_dir).name)
        yield 'curves', as_image(figure)
