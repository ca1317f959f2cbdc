"""Labels images of randomly drawn videos before an epoch, for ReMix."""

from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmreidmix.checks import check_at_least, check_choice
from mmreidmix.engine.labelling.clustering import (
    LabelledImages,
    share_labels,
    warn,
)
from mmreidmix.engine.labelling.report import report_labels
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

from .labelling_hook import LabellingHook

SCOPES = ('video', 'domain')


@HOOKS.register_module()
class ReMixHook(LabellingHook):
    """Draws videos of single-camera domains and labels their images.

    Single-camera (unlabelled) domains are those whose cameras are videos.
    Before each epoch, the same in all processes: videos are drawn at random,
    embedded and clustered, until there are as many pseudo identities as the
    epoch has places for. Mamedov et al., ReMix (WACV 2025, arXiv 2410.21938);
    what is a choice of ours is told in docs/en/methods/remix.md.

    Everything follows from the seed, the epoch and the momentum encoder, so a
    resumed run computes it again.

    Args:
        pipeline (Sequence[dict], optional): test transforms.
        clustering (Mapping, optional): see :class:`LabellingHook`.
        scope (str): what is clustered at once: 'video', the images of one
            video, so that no identity is in two; 'domain', those of all drawn
            videos, for videos that show the same people.
        min_size (int): smaller clusters are dropped.
        max_images (int, optional): embed no more single-camera images of a
            domain in an epoch, but at least one video. None: as many as it
            takes.
        **kwargs: see :class:`LabellingHook`, without ``interval``.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(self,
                 pipeline: Optional[Sequence[dict]] = None,
                 clustering: Optional[Mapping] = None,
                 scope: str = 'video',
                 min_size: int = 2,
                 max_images: Optional[int] = None,
                 **kwargs):
        super().__init__(pipeline, clustering, interval=1, **kwargs)
        check_choice(self, SCOPES, scope=scope)
        check_at_least(self, 1, min_size=min_size)
        if max_images is not None:
            check_at_least(self, 1, max_images=max_images)
        self.scope = scope
        self.min_size = min_size
        self.max_images = max_images
        self.videos: dict = {}

    def before_train(self, runner: Runner) -> None:
        """Look at model and data once."""
        super().before_train(runner)
        mixture, model = runner.train_dataloader.dataset, bare_model(runner)
        negatives = getattr(model, 'negatives', 'joint')
        if self.scope == 'domain' and negatives in ('video', 'certain'):
            raise ValueError(
                f'model.negatives={negatives!r} needs identities of one '
                "video each, but scope='domain' looks for people in several: "
                "set model.negatives to 'joint' or 'separate'")
        for domain in mixture.label_table.unlabelled:
            camids = mixture.domains[domain].records.camids
            self.videos[domain] = VideoIndex(camids)
            print_log(
                f'{mixture.names[domain]}: {self.videos[domain].summary()}',
                logger='current')
        line = mixture.single_camera_identities()
        if line:
            print_log(line, logger='current')

    def label_domain(self, runner: Runner, mixture: Any,
                     domain: int) -> LabelledImages:
        """Embed and cluster videos drawn from a domain."""
        need = runner.train_dataloader.batch_sampler.identities_per_epoch(
            domain)
        rng = np.random.default_rng([runner.seed, runner.epoch, domain])
        draw = VideoDraw(self.videos[domain], need, self.max_images, rng)
        dataset = mixture.domains[domain]
        drawn = LabelledImages(
            np.empty(0, np.int64), torch.zeros(0), np.empty(0, np.int64))
        images = draw.next_round()
        while len(images):
            drawn = self._with_round(runner, dataset, drawn, images)
            draw.found = int(drawn.clusters.max(initial=-1)) + 1
            images = draw.next_round()
        if is_main_process():
            self._report(runner, dataset, draw, drawn)
        return drawn

    def _with_round(self, runner: Runner, dataset: Any,
                    earlier: LabelledImages,
                    images: np.ndarray) -> LabelledImages:
        """Images, embeddings and clusters of all rounds so far."""
        with timed(self.seconds, 'embed'):
            rows = self.embedder.embed(bare_model(runner), dataset, images)
        joined = np.concatenate([earlier.images, images])
        joined_rows = torch.cat([earlier.embeddings, rows])
        if self.scope == 'domain':  # people of earlier videos may come back
            return LabelledImages(
                joined, joined_rows,
                self._cluster(dataset.records, joined, joined_rows))
        found = self._cluster(dataset.records, images, rows)
        first = int(earlier.clusters.max(initial=-1)) + 1
        found = np.where(found < 0, -1, found + first)
        return LabelledImages(joined, joined_rows,
                              np.concatenate([earlier.clusters, found]))

    def _cluster(self, records: Any, images: np.ndarray,
                 rows: torch.Tensor) -> np.ndarray:
        """Clusters (n,) of images, the same in every process."""
        found = None
        with timed(self.seconds, 'cluster'):
            if is_main_process():
                groups = self._groups(records, images)
                found = drop_small(
                    true_clusters(records.pids[images], groups)
                    if self.oracle else cluster_per_group(
                        rows.numpy(), groups, self._cluster_or_noise),
                    self.min_size)
            return share_labels(found, len(images))

    def _cluster_or_noise(self, features: np.ndarray) -> Any:
        """Clusters of a group; none if all of its features are alike."""
        try:
            return self.clusterer(features)
        except CollapsedFeaturesError as error:
            warn(f'{len(features):,} images have no cluster in this epoch: '
                 f'{error}')
            return np.full(len(features), -1)

    def _groups(self, records: Any, images: np.ndarray) -> np.ndarray:
        """What is clustered at once, as a number of each image, (n,)."""
        videos = records.camids[images].astype(np.int64)
        return videos if self.scope == 'video' else np.zeros_like(videos)

    def _report(self, runner: Runner, dataset: Any, draw: VideoDraw,
                drawn: LabelledImages) -> None:
        """Log counts and label quality of the drawn images.

        True identities are read here only, where a data set has them.
        """
        records, clustered = dataset.records, drawn.clusters >= 0
        truth = true_clusters(records.pids[drawn.images],
                              self._groups(records, drawn.images))
        quality = describe_clustering(
            drawn.clusters, true_pids=truth if (truth >= 0).any() else None)
        videos = records.camids[drawn.images]
        quality['videos'] = float(draw.drawn)
        quality['videos_without_cluster'] = float(
            draw.drawn - len(np.unique(videos[clustered])))
        quality['wanted'] = float(draw.need)
        report_labels(runner, 'Videos', dataset.name, quality,
                      f'no more were drawn because {draw.reason}')
