"""What the hooks that give pseudo labels share."""

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmreidmix.camera_profiles import CameraProfiles
from mmreidmix.checks import check_choice, check_count
from mmreidmix.engine.epoch_loop import inside_epoch
from mmreidmix.engine.labelling.clusterers import build_clusterer
from mmreidmix.engine.labelling.clustering import (
    LabelledImages,
    assign_clusters,
)
from mmreidmix.engine.labelling.feature_extraction import DomainEmbedder
from mmreidmix.engine.precision import training_precision
from mmreidmix.engine.unwrap import (
    bare_model,
    optimizer_state,
    single_optim_wrappers,
)
from mmreidmix.pseudo_labels import collapse_warning


class LabellingHook(Hook):
    """Labels the unlabelled domains before an epoch, where it is due.

    A subclass says how a domain is labelled (:meth:`label_domain`). Then the
    label table is written, the model gets the clustering
    (``on_clustering``), the optimizer forgets what it knows of the rows of
    earlier clusters, and the hooks that have a method ``after_clustering``
    get the clustering.

    Args:
        pipeline (Sequence[dict], optional): test transforms. Defaults to
            those of the validation.
        clustering (Mapping, optional): ``type``, by default
            ``'JaccardDBSCAN'``, or ``'FINCH'``, ``'KMeans'`` or a class
            registered in ``TASK_UTILS``; and its options.
        begin (int): first epoch with pseudo labels, counted from 0 (the log
            counts from 1); until then the model learns from the labelled
            domains alone.
        interval (int, optional): epochs between two clusterings; None: there
            is one alone, before epoch ``begin``.
        refresh (str): when a memory gets the embeddings of labelled images:
            'epoch', with each clustering and before each epoch without
            clusters; 'online', once, and from then on from each batch.
        batch_size (int): images per forward pass of a process.
        num_workers (int): loading workers of a process.
        bf16 (bool, optional): embed in bfloat16 or float32. Defaults to what
            the training computes in.
        reset_moments (bool): forget the optimizer's moments of the
            classifier rows of pseudo identities, which belonged to other
            clusters (the released DomainMix keeps them).
        camera_profiles (bool): cluster embeddings that are standardised by
            the mean and deviation of their camera, so that clusters hold
            fewer images because of their camera; a camera of few images is
            drawn towards its domain, see :class:`CameraProfiles`. Memory and
            losses get the embeddings as they are.
        oracle (bool): label by the true identities instead, to measure the
            upper bound that better pseudo labels could reach.

    Raises:
        ValueError: an option out of its range.
    """

    # Before the timers start, so that data_time is about data alone.
    priority = 'ABOVE_NORMAL'

    #: What a training with unlabelled domains needs.
    provides = 'labels'

    def __init__(self,
                 pipeline: Optional[Sequence[dict]] = None,
                 clustering: Optional[Mapping] = None,
                 begin: int = 0,
                 interval: Optional[int] = 1,
                 refresh: str = 'epoch',
                 batch_size: int = 64,
                 num_workers: int = 0,
                 bf16: Optional[bool] = None,
                 reset_moments: bool = True,
                 camera_profiles: bool = False,
                 oracle: bool = False):
        check_count(self, 0, begin=begin, num_workers=num_workers)
        check_count(self, 1, batch_size=batch_size)
        if interval is not None:
            check_count(self, 1, interval=interval)
        check_choice(self, ('epoch', 'online'), refresh=refresh)
        self.embedder = DomainEmbedder(
            pipeline,
            batch_size=batch_size,
            num_workers=num_workers,
            bf16=bf16)
        self.clusterer = build_clusterer(clustering)
        self.begin = begin
        self.interval = interval
        self.refresh = refresh
        self.reset_moments = reset_moments
        self.camera_profiles = camera_profiles
        self.oracle = oracle
        self.seconds: dict = {}

    @abstractmethod
    def label_domain(self, runner: Runner, mixture: Any,
                     domain: int) -> LabelledImages:
        """Embed and cluster images of an unlabelled domain of the mixture."""

    def comparable(self, embeddings: Tensor, cameras: np.ndarray) -> Tensor:
        """Embeddings (n, D) of a domain as they are clustered.

        Args:
            embeddings (Tensor): (n, D) rows of unit length, on the CPU.
            cameras (np.ndarray): (n,) camera of each.
        """
        if not self.camera_profiles or not len(embeddings):
            return embeddings
        rows = embeddings.numpy()
        profiles = CameraProfiles.from_embeddings(rows, cameras)
        return torch.from_numpy(profiles.apply(rows, cameras))

    def before_train(self, runner: Runner) -> None:
        """Find the test transforms and the number format."""
        self.embedder.prepare(runner.cfg)
        if self.embedder.options['bf16'] is None:
            self.embedder.options['bf16'] = (
                training_precision(runner) == 'bf16')

    def before_train_epoch(self, runner: Runner) -> None:
        """Label where it is due."""
        self.seconds = {}
        mixture = runner.train_dataloader.dataset
        unlabelled = mixture.label_table.unlabelled
        if not self._due(runner.epoch) or not unlabelled:
            return
        if inside_epoch(runner):
            return  # the labels of this epoch are in the checkpoint
        start = time.perf_counter()
        clustering = assign_clusters(mixture, {
            domain: self.label_domain(runner, mixture, domain)
            for domain in unlabelled
        })
        bare_model(runner).on_clustering(clustering)
        if self.reset_moments:
            forget_pseudo_rows(runner, clustering.first)
        runner.call_hook('after_clustering', clustering=clustering)
        self.epoch_start = time.perf_counter()
        self.seconds['all'] = self.epoch_start - start
        runner.logger.info(
            f'Start of epoch {runner.epoch + 1}: {clustering.first} labelled '
            f'and {len(clustering.centroids)} pseudo identities; ' +
            seconds_text(self.seconds))

    def _due(self, epoch: int) -> bool:
        late = epoch - self.begin
        if self.interval is None:
            return late == 0
        return late >= 0 and late % self.interval == 0

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the share of the epoch that its start took."""
        if 'all' not in self.seconds:
            return
        spent = self.seconds['all']
        share = spent / (spent + time.perf_counter() - self.epoch_start)
        runner.logger.info(f'The start of epoch {runner.epoch + 1} took '
                           f'{share:.1%} of its time ({spent:.1f} s)')
        scalars = {f'epoch_start/time_{k}': v for k, v in self.seconds.items()}
        runner.visualizer.add_scalars(
            {**scalars, 'epoch_start/share': share}, step=runner.iter)


def forget_pseudo_rows(runner: Runner, first: int) -> None:
    """Zero the optimizer's moments of classifier rows from ``first`` on."""
    for wrapper in single_optim_wrappers(runner):
        for weight in bare_model(runner).identity_weights():
            state = optimizer_state(wrapper).get(weight, {})
            for name in ('exp_avg', 'momentum_buffer'):
                if state.get(name) is not None:
                    state[name][first:] = 0


def report_labels(runner: Runner, title: str, domain: str,
                  quality: Mapping[str, float], remark: str,
                  **seconds: float) -> None:
    """Send the quality of the labels of a domain to log and visualizer.

    Args:
        runner (Runner): the training.
        title (str): what was labelled, the first words of the log line.
        domain (str): name of the domain.
        quality (Mapping[str, float]): from ``describe_clustering``.
        remark (str): end of the log line.
        **seconds: durations, for the visualizer.
    """
    prefix = f'{title} of {domain}, epoch {runner.epoch + 1}: '
    values = ', '.join(f'{k} {v:.5g}' for k, v in quality.items()
                       if v or not k.startswith('size_hist/'))
    runner.logger.info(f'{prefix}{values}; {remark}')
    warning = collapse_warning(quality)
    if warning:
        runner.logger.warning(prefix + warning)
    scalars = {**{f'time_{k}': v for k, v in seconds.items()}, **quality}
    runner.visualizer.add_scalars(
        {f'pseudo_labels/{domain}/{k}': float(v) for k, v in scalars.items()},
        step=runner.iter)


def seconds_text(seconds: Mapping[str, float]) -> str:
    """Durations as text."""
    return 'seconds: ' + ', '.join(f'{k} {v:.2f}' for k, v in seconds.items())
