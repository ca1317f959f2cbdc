"""Pseudo labels for all images of the unlabelled domains."""

from typing import Any, Optional

import numpy as np
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmreidmix.checks import check_count
from mmreidmix.compat import is_resumed
from mmreidmix.engine.labelling.clustering import (
    LabelledImages,
    cluster_together,
    share_result,
)
from mmreidmix.engine.labelling.rotating_part import (
    number_of_parts,
    rotating_part,
)
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.pseudo_labels import (
    PseudoLabelResult,
    describe_clustering,
    renumber,
)
from mmreidmix.registry import HOOKS
from mmreidmix.timing import timed

from .labelling_hook import LabellingHook, report_labels, seconds_text


@HOOKS.register_module()
class PseudoLabelHook(LabellingHook):
    """Embeds and clusters the images of each unlabelled domain.

    All processes embed a domain together and share the search of its
    neighbours; the main process clusters; the labels are broadcast. The
    independence threshold of a domain, fixed at its first clustering, is kept
    in the checkpoint, and so is what the model needs between two clusterings.

    Clusterers of your own:
    :func:`mmreidmix.engine.labelling.clustering.cluster_together`.

    Args:
        *args: of :class:`LabellingHook`.
        max_images (int, optional): of a domain for one clustering. A domain of
            more is cut at random into parts of equal size, which have their
            turn one after the other; the images of the other parts have no
            label meanwhile. Then the start of an epoch costs the same however
            many images there are. Defaults to None: all images.
        **kwargs: of :class:`LabellingHook`.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(self,
                 *args: Any,
                 max_images: Optional[int] = None,
                 **kwargs: Any):
        super().__init__(*args, **kwargs)
        if max_images is not None:
            check_count(self, 1, max_images=max_images)
            if self.interval is None:
                raise ValueError(
                    'PseudoLabelHook: with interval=None there is one '
                    'clustering, so that max_images would leave the other '
                    'images without labels for good; set interval to 1')
        self.max_images = max_images
        self.alphas: dict[str, Optional[float]] = {}

    def label_domain(self, runner: Runner, mixture: Any,
                     domain: int) -> LabelledImages:
        """Embed a domain, cluster it and share the labels."""
        dataset = mixture.domains[domain]
        seconds: dict = {}
        images = self._part(runner, dataset)
        name = dataset.name
        pids, cameras = (column[images] for column in (
            dataset.records.pids, dataset.records.camids))
        with timed(seconds, 'extract'):
            embeddings = self.embedder.embed(
                bare_model(runner), dataset, images)
        if self.oracle:
            labels = renumber(pids)
            result = PseudoLabelResult(labels=labels, clusters=labels)
        else:
            result = cluster_together(
                self.clusterer,
                self.comparable(embeddings, cameras),
                self.alphas.get(name), name, cameras)
        if is_main_process():
            seconds.update(result.seconds)
            table = mixture.label_table
            previous = table.labels[table.span(domain)][images]
            # True identities are read here, for the report alone, where a
            # data set has them.
            quality = describe_clustering(
                result.labels,
                camids=cameras,
                true_pids=pids if (pids >= 0).all() else None,
                previous=previous if (previous >= 0).any() else None)
            report_labels(runner, 'Pseudo labels', name, quality,
                          seconds_text(seconds), **seconds)
        labels, self.alphas[name] = share_result(result, len(embeddings))
        return LabelledImages(images, embeddings, labels)

    def _part(self, runner: Runner, dataset: Any) -> np.ndarray:
        """The images (n,) of a domain that get labels now."""
        num = len(dataset)
        if self.max_images is None or num <= self.max_images:
            return np.arange(num)
        turn = (runner.epoch - self.begin) // self.interval
        images = rotating_part(dataset.records.tracklets, self.max_images,
                               turn, runner.seed)
        parts = number_of_parts(num, self.max_images)
        runner.logger.info(
            f'{dataset.name}: part {turn % parts + 1} of {parts}, '
            f'{len(images):,} of {num:,} images; the others have no label '
            'until their turn')
        return images

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save what later epochs depend on."""
        state: dict = dict(alphas=dict(self.alphas))
        # Otherwise the next epoch begins with a clustering.
        if self.interval != 1:
            state['model'] = bare_model(runner).label_state()
        checkpoint['pseudo_labels'] = state

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore what an interrupted run had saved."""
        state = checkpoint.get('pseudo_labels')
        if is_resumed(runner) and state is not None:
            self.alphas = dict(state['alphas'])
            if state.get('model'):
                bare_model(runner).load_label_state(state['model'])
