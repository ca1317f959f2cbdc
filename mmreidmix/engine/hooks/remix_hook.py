"""Fills pseudo labels and memory of ReMix before an epoch."""

import logging
import time
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Optional

import numpy as np
import torch
from mmengine.dist import broadcast, is_main_process
from mmengine.logging import print_log

from mmreidmix.engine.runner_parts import bare_model
from mmreidmix.pseudo_labels import (
    CollapsedFeaturesError,
    cluster_per_group,
    collapse_warning,
    describe_clustering,
    renumber,
)
from mmreidmix.registry import HOOKS

from .pseudo_label_hook import PseudoLabelHook, forget_pseudo_rows
from .video_draw import VideoDraw, VideoIndex

REFRESH = ('epoch', 'online')
SCOPES = ('video', 'domain')


@HOOKS.register_module()
class ReMixHook(PseudoLabelHook):
    """Draws videos, labels their images, and keeps the momentum encoder.

    Before each epoch, with the momentum encoder and the same in all
    processes:

    1. Single-camera (unlabelled) domains, whose cameras are videos: videos
       are drawn at random, embedded and clustered, until there are as many
       pseudo identities as the epoch has places for.
    2. Multi-camera (labelled) domains: all images are embedded.
    3. The label table and the centres in the model's memory are renewed.

    After each step of the optimizer the momentum encoder follows. Mamedov et
    al., ReMix (WACV 2025, arXiv 2410.21938); what is a choice of ours is told
    in docs/en/methods/remix.md.

    Everything follows from the seed, the epoch and the momentum encoder, so a
    resumed run computes it again; the memory alone is saved where it is kept
    between epochs.

    Args:
        pipeline (Sequence[dict]): test transforms.
        clustering (dict): see :class:`PseudoLabelHook`.
        scope (str): what is clustered at once: 'video', the images of one
            video, so that no identity is in two; 'domain', those of all drawn
            videos, for videos that show the same people.
        begin (int): first epoch with single-camera data.
        min_size (int): smaller clusters are dropped.
        max_images (int, optional): embed no more single-camera images of a
            domain in an epoch, but at least one video. None: as many as it
            takes.
        refresh (str): centres of multi-camera identities: 'epoch', embed all
            their images before each epoch; 'online', before the first only,
            and from then on let each batch's momentum embeddings in.
        batch_size (int): images per forward pass of a process.
        num_workers (int): loading workers of a process.
        bf16 (bool): embed in bfloat16.
        oracle (bool): label videos by the true identities instead, to measure
            what better pseudo labels could reach.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(self,
                 pipeline: Sequence[dict],
                 clustering: Optional[dict] = None,
                 scope: str = 'video',
                 begin: int = 0,
                 min_size: int = 2,
                 max_images: Optional[int] = None,
                 refresh: str = 'epoch',
                 batch_size: int = 64,
                 num_workers: int = 0,
                 bf16: bool = True,
                 oracle: bool = False):
        super().__init__(
            pipeline,
            clustering,
            begin=begin,
            batch_size=batch_size,
            num_workers=num_workers,
            bf16=bf16,
            oracle=oracle)
        for name, value, known in (('refresh', refresh, REFRESH),
                                   ('scope', scope, SCOPES)):
            if value not in known:
                raise ValueError(f'ReMixHook: {name} must be one of {known}, '
                                 f'got {value!r}')
        if min_size < 1 or (max_images is not None and max_images < 1):
            raise ValueError('ReMixHook needs min_size and max_images >= 1, '
                             f'got {min_size} and {max_images}')
        self.scope = scope
        self.min_size = min_size
        self.max_images = max_images
        self.refresh = refresh
        self.videos = {}
        self.seconds = {}
        self.saved_memory = None

    def before_train(self, runner) -> None:
        """Tell the model the cameras; look at the data once."""
        mixture = runner.train_dataloader.dataset
        model = bare_model(runner)
        if not hasattr(model, 'momentum_encoder'):
            raise TypeError('ReMixHook needs a model with a momentum encoder, '
                            f'such as ReMix, got {type(model).__name__}')
        if self.scope == 'domain' and model.negatives in ('video', 'certain'):
            raise ValueError(
                f'model.negatives={model.negatives!r} needs identities of one '
                "video each, but scope='domain' looks for people in several: "
                "set model.negatives to 'joint' or 'separate'")
        super().before_train(runner)
        for domain in mixture.label_table.unlabelled:
            self.videos[domain] = VideoIndex(mixture.domains[domain].records.
                                             camids)
        for line in describe_cameras(mixture, self.videos, model.cameras):
            print_log(line, logger='current')
        if self.saved_memory is not None:
            model.memory.load_rows(
                self.saved_memory, mixture.label_table.num_labelled_classes,
                _device(model))
            self.saved_memory = None

    def before_train_epoch(self, runner) -> None:
        """Renew pseudo labels and memory."""
        mixture = runner.train_dataloader.dataset
        self.seconds = {}
        start = time.perf_counter()
        drawn = {}
        if runner.epoch >= self.begin:
            for domain in mixture.label_table.unlabelled:
                drawn[domain] = self._label_videos(runner, mixture, domain)
            self._assign(mixture, drawn)
        self._rebuild(runner, mixture, drawn)
        model, table = bare_model(runner), mixture.label_table
        first = table.num_labelled_classes
        model.begin_pseudo_labels(model.memory.centroids[first:], first)
        forget_pseudo_rows(runner, first)
        self.seconds['all'] = time.perf_counter() - start
        self.epoch_start = time.perf_counter()
        runner.logger.info(
            f'Start of epoch {runner.epoch + 1}: {first} labelled and '
            f'{table.num_classes - first} pseudo identities; seconds: ' +
            ', '.join(f'{k} {v:.2f}' for k, v in self.seconds.items()))

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch=None,
                         outputs=None) -> None:
        """Let momentum encoder and memory follow."""
        model = bare_model(runner)
        if runner.optim_wrapper.should_update():
            model.momentum_encoder.update(model)
        if self.refresh == 'online':
            model.update_memory()

    def after_train_epoch(self, runner) -> None:
        """Log the share of the epoch that its start took."""
        spent = self.seconds['all']
        share = spent / (spent + time.perf_counter() - self.epoch_start)
        runner.logger.info(f'The start of epoch {runner.epoch + 1} took '
                           f'{share:.1%} of its time ({spent:.1f} s)')
        scalars = {f'time_{k}': v for k, v in self.seconds.items()}
        runner.visualizer.add_scalars(
            {f'remix/{k}': v for k, v in dict(scalars, share=share).items()},
            step=runner.iter)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Save the memory where it can not be computed again."""
        if self.refresh == 'online':
            first = runner.train_dataloader.dataset.label_table
            checkpoint['centroids_memory'] = bare_model(
                runner).memory.state_dict_below(first.num_labelled_classes)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Go on with the memory of an interrupted run."""
        if runner._resume and self.refresh == 'online':
            self.saved_memory = checkpoint.get('centroids_memory')

    def _label_videos(self, runner, mixture, domain: int) -> tuple:
        """Images, embeddings and clusters of videos drawn from a domain."""
        need = runner.train_dataloader.batch_sampler.identities_per_epoch(
            domain)
        rng = np.random.default_rng([runner.seed, runner.epoch, domain])
        draw = VideoDraw(self.videos[domain], need, self.max_images, rng)
        drawn = np.empty(0, np.int64), torch.zeros(0), np.empty(0, np.int64)
        images = draw.next_round()
        while len(images):
            drawn = self._with_round(runner, mixture.domains[domain], drawn,
                                     images)
            draw.found = int(drawn[2].max(initial=-1)) + 1
            images = draw.next_round()
        if is_main_process():
            self._report_draw(runner, mixture.domains[domain], draw, *drawn)
        return drawn

    def _with_round(self, runner, domain, drawn: tuple,
                    images: np.ndarray) -> tuple:
        """Images, embeddings and clusters of all rounds so far."""
        earlier, earlier_rows, clusters = drawn
        rows = self._embed(runner, domain, images)
        joined = np.concatenate([earlier, images])
        joined_rows = torch.cat([earlier_rows, rows])
        if self.scope == 'domain':  # people of earlier videos may come back
            return joined, joined_rows, self._cluster_videos(
                domain.records, joined, joined_rows)
        found = self._cluster_videos(domain.records, images, rows)
        first = int(clusters.max(initial=-1)) + 1
        return joined, joined_rows, np.concatenate(
            [clusters, np.where(found < 0, -1, found + first)])

    def _embed(self, runner, domain, images=None, **options) -> torch.Tensor:
        """Momentum embeddings (n, D) of some images of a domain."""
        embed = bare_model(runner).momentum_embeddings
        with self._timed('embed'):
            return super()._embed(
                runner, domain, images, embed=embed, **options)

    def _cluster_videos(self, records, images: np.ndarray,
                        rows: torch.Tensor) -> np.ndarray:
        """Clusters (n,) of images, the same in every process."""
        labels = torch.empty(len(images), dtype=torch.int64)
        with self._timed('cluster'):
            if is_main_process():
                groups = self._groups(records, images)
                found = (
                    true_clusters(records.pids[images], groups)
                    if self.oracle else cluster_per_group(
                        rows.numpy(), groups, self._cluster_or_noise))
                labels.copy_(torch.from_numpy(
                    drop_small(found, self.min_size)))
            broadcast(labels)
        return labels.numpy()

    def _cluster_or_noise(self, features: np.ndarray):
        """Clusters of a group; none if all of its features are alike."""
        try:
            return self.clusterer(features)
        except CollapsedFeaturesError as error:
            print_log(
                f'{len(features):,} images have no cluster in this epoch: '
                f'{error}',
                logger='current',
                level=logging.WARNING)
            return np.full(len(features), -1)

    def _groups(self, records, images: np.ndarray) -> np.ndarray:
        """What is clustered at once, as a number of each image, (n,)."""
        videos = records.camids[images].astype(np.int64)
        return videos if self.scope == 'video' else np.zeros_like(videos)

    @staticmethod
    def _assign(mixture, drawn: dict) -> None:
        """Write clusters of the drawn images into the label table."""
        table, whole = mixture.label_table, {}
        for domain, (images, _, clusters) in drawn.items():
            whole[domain] = np.full(len(mixture.domains[domain]), -1)
            whole[domain][images] = clusters
        table.assign(whole)

    def _rebuild(self, runner, mixture, drawn: dict) -> None:
        """Renew the centres of all identities."""
        model, table = bare_model(runner), mixture.label_table
        keep = self.refresh == 'online' and len(model.memory.means)
        blocks, images = [], [np.empty(0, np.int64)]
        if not keep:
            images, blocks = self._labelled(runner, mixture)
        for domain, (places, rows, clusters) in drawn.items():
            kept = clusters >= 0
            if not kept.any():
                continue
            images.append(places[kept] + table.span(domain).start)
            blocks.append([rows[torch.from_numpy(kept)]])
        images = np.concatenate(images)
        model.memory.rebuild(
            (block for part in blocks for block in part),
            table.labels[images],
            model.cameras[images],
            table.num_classes,
            _device(model),
            first=table.num_labelled_classes if keep else 0)

    def _report_draw(self, runner, domain, draw: VideoDraw, images, rows,
                     clusters) -> None:
        """Log counts and label quality of the drawn images.

        True identities are read here only, where a data set has them.
        """
        truth = true_clusters(domain.records.pids[images],
                              self._groups(domain.records, images))
        quality = describe_clustering(
            clusters, true_pids=truth if (truth >= 0).any() else None)
        videos = domain.records.camids[images]
        quality['videos'] = float(draw.drawn)
        quality['videos_without_cluster'] = float(
            draw.drawn - len(np.unique(videos[clusters >= 0])))
        quality['wanted'] = float(draw.need)
        where = f'Videos of {domain.name}, epoch {runner.epoch + 1}: '
        runner.logger.info(
            where + ', '.join(f'{k} {v:.5g}' for k, v in quality.items()
                              if v or not k.startswith('size_hist/')) +
            f'; no more were drawn because {draw.reason}')
        warning = collapse_warning(quality)
        if warning:
            runner.logger.warning(where + warning)
        runner.visualizer.add_scalars(
            {
                f'pseudo_labels/{domain.name}/{k}': v
                for k, v in quality.items()
            },
            step=runner.iter)

    @contextmanager
    def _timed(self, name: str):
        start = time.perf_counter()
        yield
        self.seconds[name] = (
            self.seconds.get(name, 0) + time.perf_counter() - start)


def describe_cameras(mixture, videos: dict, cameras: np.ndarray) -> list:
    """What is worth knowing about cameras and videos, as lines of text."""
    lines, table = [], mixture.label_table
    for domain, index in videos.items():
        lines.append(
            f'{mixture.names[domain]}: {len(index):,} videos of '
            f'{index.sizes.min():,} to {index.sizes.max():,} images, '
            f'{(index.sizes == 1).sum():,} of a single image, which can not '
            'be clustered' +
            ('; all images count as one video' if len(index) == 1 else ''))
    labelled = table.labels[:] >= 0
    labelled &= table.labels < table.num_labelled_classes
    pairs = np.unique(
        np.stack([table.labels[labelled], cameras[labelled]]), axis=1)
    seen = np.bincount(pairs[0], minlength=1)
    if (seen == 1).any():
        lines.append(
            f'{(seen == 1).sum():,} of {len(seen):,} labelled identities are '
            'seen by one camera only: CameraCentroidsLoss.fallback says what '
            'becomes of them')
    return lines


def true_clusters(pids: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """What each person of each group is, -1 where that is not known, (n,).

    Args:
        pids (np.ndarray): identities, -1 = not known, shape (n,).
        groups (np.ndarray): at least 0, int64, shape (n,).
    """
    keys = np.where(pids < 0, -1, (groups << 32) + pids)
    return renumber(keys)


def drop_small(labels: np.ndarray, min_size: int) -> np.ndarray:
    """Make noise of clusters of fewer images, number the rest anew."""
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    return renumber(np.where(sizes[labels] >= min_size, labels, -1))


def _device(model) -> torch.device:
    return next(model.parameters()).device
