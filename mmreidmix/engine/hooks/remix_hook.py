"""Pseudo labels for images of randomly drawn videos, for ReMix."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Optional

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmreidmix.checks import check_at_least, check_choice
from mmreidmix.engine.labelling.clustering import (
    LabelledImages,
    share_labels,
    warn,
)
from mmreidmix.engine.labelling.video_draw import VideoDraw, VideoIndex
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.pseudo_labels import (
    CollapsedFeaturesError,
    cluster_per_group,
    describe_clustering,
    drop_small,
    true_clusters,
)
from mmreidmix.registry import HOOKS
from mmreidmix.timing import timed

from .labelling_hook import LabellingHook, report_labels


@HOOKS.register_module()
class ReMixHook(LabellingHook):
    """Draws videos of single-camera domains and labels their images.

    Single-camera (unlabelled) domains are those whose cameras are videos.
    Before each epoch, the same in all processes: videos are drawn at random,
    embedded and clustered, until there are as many pseudo identities as the
    epoch has places for. Mamedov et al., ReMix (WACV 2025, arXiv 2410.21938);
    docs/en/methods/remix.md says what is a choice of ours.

    Everything follows from the seed, the epoch and the momentum encoder, so a
    resumed run computes it again.

    Args:
        pipeline, clustering: see :class:`LabellingHook`.
        scope (str): what is clustered at once: 'video', the images of one
            video, so that no identity is in two; 'domain', those of all drawn
            videos, for videos that show the same people.
        min_size (int): smaller clusters are dropped.
        max_images (int, optional): embed no more single-camera images of a
            domain in an epoch, but at least one video. None: as many as it
            takes.
        **kwargs: see :class:`LabellingHook`, without ``interval``.
            ``camera_profiles``, and a clusterer that tells cameras apart,
            need the scope 'domain': a video is of one camera.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(self,
                 pipeline: Optional[Sequence[dict]] = None,
                 clustering: Optional[Mapping] = None,
                 scope: str = 'video',
                 min_size: int = 2,
                 max_images: Optional[int] = None,
                 **kwargs: Any):
        super().__init__(pipeline, clustering, interval=1, **kwargs)
        check_choice(self, ('video', 'domain'), scope=scope)
        check_at_least(self, 1, min_size=min_size)
        self.by_camera = getattr(self.clusterer, 'uses_cameras', False)
        if scope == 'video' and (self.camera_profiles or self.by_camera):
            name = ('camera_profiles' if self.camera_profiles
                    else 'clustering.k1_intra')
            raise ValueError(
                f"ReMixHook: {name} is for scope='domain', got "
                "scope='video', which clusters images of one camera alone")
        if max_images is not None:
            check_at_least(self, 1, max_images=max_images)
        self.scope = scope
        self.min_size = min_size
        self.max_images = max_images
        self.videos: dict[int, VideoIndex] = {}

    def before_train(self, runner: Runner) -> None:
        """Check the scope against the model and index the videos."""
        super().before_train(runner)
        mixture = runner.train_dataloader.dataset
        negatives = getattr(bare_model(runner), 'negatives', 'joint')
        if self.scope == 'domain' and negatives in ('video', 'certain'):
            raise ValueError(
                f'model.negatives={negatives!r} needs identities of one '
                "video each, but scope='domain' looks for people in several: "
                "set model.negatives to 'joint' or 'separate'")
        for domain in mixture.label_table.unlabelled:
            videos = VideoIndex(mixture.domains[domain].records.camids)
            self.videos[domain] = videos
            runner.logger.info(f'{mixture.names[domain]}: {videos.summary()}')
        line = mixture.single_camera_identities()
        if line:
            runner.logger.info(line)

    def label_domain(self, runner: Runner, mixture: Any,
                     domain: int) -> LabelledImages:
        """Embed and cluster videos drawn from a domain."""
        dataset, model = mixture.domains[domain], bare_model(runner)
        draw = VideoDraw(
            self.videos[domain],
            runner.train_dataloader.batch_sampler.identities_per_epoch(domain),
            self.max_images,
            np.random.default_rng([runner.seed, runner.epoch, domain]))
        images, clusters = np.empty(0, np.int64), np.empty(0, np.int64)
        embeddings = torch.zeros(0)
        while len(drawn := draw.next_round()):
            with timed(self.seconds, 'embed'):
                rows = self.embedder.embed(model, dataset, drawn)
            images = np.concatenate([images, drawn])
            embeddings = torch.cat([embeddings, rows])
            if self.scope == 'domain':  # people of earlier videos may return
                clusters = self._cluster(
                    dataset.records, images,
                    self.comparable(embeddings,
                                    dataset.records.camids[images]))
            else:
                new = self._cluster(dataset.records, drawn, rows)
                new[new >= 0] += draw.found
                clusters = np.concatenate([clusters, new])
            draw.found = int(clusters.max(initial=-1)) + 1
        labelled = LabelledImages(images, embeddings, clusters)
        if is_main_process():
            self._report(runner, dataset, draw, labelled)
        return labelled

    def _cluster(self, records: Any, images: np.ndarray,
                 rows: torch.Tensor) -> np.ndarray:
        """Clusters (n,) of images, the same in every process."""
        clusters = None
        with timed(self.seconds, 'cluster'):
            if is_main_process():
                groups = self._groups(records, images)
                clusters = drop_small(
                    true_clusters(records.pids[images], groups)
                    if self.oracle else cluster_per_group(
                        rows.numpy(), groups, partial(
                            self._cluster_or_noise,
                            cameras=records.camids[images])),
                    self.min_size)
            return share_labels(clusters, len(images))

    def _cluster_or_noise(self, features: np.ndarray,
                          cameras: np.ndarray) -> Any:
        """Clusters of a group; none if all of its features are alike.

        Cameras are those of all images: they count where these are one group.
        """
        options = dict(cameras=cameras) if self.by_camera else {}
        try:
            return self.clusterer(features, **options)
        except CollapsedFeaturesError as error:
            warn(f'{len(features):,} images have no cluster in this epoch: '
                 f'{error}')
            return np.full(len(features), -1)

    def _groups(self, records: Any, images: np.ndarray) -> np.ndarray:
        """What is clustered at once, as a number of each image, (n,)."""
        videos = records.camids[images].astype(np.int64)
        return videos if self.scope == 'video' else np.zeros_like(videos)

    def _report(self, runner: Runner, dataset: Any, draw: VideoDraw,
                labelled: LabelledImages) -> None:
        """Log counts and label quality of the drawn images."""
        records, images = dataset.records, labelled.images
        # True identities are read here alone, where a data set has them.
        truth = true_clusters(records.pids[images],
                              self._groups(records, images))
        quality = describe_clustering(
            labelled.clusters,
            true_pids=truth if (truth >= 0).any() else None)
        clustered = np.unique(records.camids[images[labelled.clusters >= 0]])
        quality['videos'] = float(draw.drawn)
        quality['videos_without_cluster'] = float(draw.drawn - len(clustered))
        quality['wanted'] = float(draw.need)
        report_labels(runner, 'Videos', dataset.name, quality,
                      f'no more were drawn because {draw.reason}')
