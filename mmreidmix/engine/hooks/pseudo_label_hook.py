"""Pseudo labels for all images of the unlabelled domains."""

from typing import Any, Optional

import numpy as np
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmreidmix.compat import is_resumed
from mmreidmix.engine.labelling.clustering import (
    LabelledImages,
    cluster_together,
    share_result,
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
    """Embeds and clusters all images of each unlabelled domain.

    All processes embed a domain together and share the search of its
    neighbours; the main process clusters; the labels are broadcast. The
    independence threshold of a domain, fixed at its first clustering, is kept
    in the checkpoint, and so is what the model needs between two clusterings.

    Options: :class:`LabellingHook`. Clusterers of your own:
    :func:`mmreidmix.engine.labelling.clustering.cluster_together`.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.alphas: dict[str, Optional[float]] = {}

    def label_domain(self, runner: Runner, mixture: Any,
                     domain: int) -> LabelledImages:
        """Embed a domain, cluster it and share the labels."""
        dataset = mixture.domains[domain]
        seconds: dict = {}
        name, pids = dataset.name, dataset.records.pids
        with timed(seconds, 'extract'):
            embeddings = self.embedder.embed(bare_model(runner), dataset)
        if self.oracle:
            labels = renumber(pids)
            result = PseudoLabelResult(labels=labels, clusters=labels)
        else:
            result = cluster_together(
                self.clusterer,
                self.comparable(embeddings, dataset.records.camids),
                self.alphas.get(name), name, dataset.records.camids)
        if is_main_process():
            seconds.update(result.seconds)
            table = mixture.label_table
            previous = table.labels[table.span(domain)]
            # True identities are read here, for the report alone, where a
            # data set has them.
            quality = describe_clustering(
                result.labels,
                camids=dataset.records.camids,
                true_pids=pids if (pids >= 0).all() else None,
                previous=previous if (previous >= 0).any() else None)
            report_labels(runner, 'Pseudo labels', name, quality,
                          seconds_text(seconds), **seconds)
        labels, self.alphas[name] = share_result(result, len(embeddings))
        return LabelledImages(np.arange(len(labels)), embeddings, labels)

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
