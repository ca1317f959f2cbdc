"""The memory of centres: filled before epochs, moved by batches."""

import time
from itertools import chain
from typing import Optional

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmreidmix.compat import is_resumed
from mmreidmix.engine.epoch_loop import inside_epoch
from mmreidmix.engine.labelling.feature_extraction import DomainEmbedder
from mmreidmix.engine.unwrap import bare_model
from mmreidmix.registry import HOOKS
from mmreidmix.structures import Clustering


@HOOKS.register_module()
class MemoryHook(Hook):
    """Keeps the :class:`CentroidsMemory` of a model up to date.

    With each clustering, and before each epoch without clusters, the centres
    of labelled identities are computed from all of their images, and those of
    clusters from the clustered ones. After an iteration the memory follows
    the batch, where it is built with ``follow=True``.

    The hook that gives the labels decides how images are embedded, and whether
    that is done once (``refresh='online'``: then the memory follows in any
    case). A model without a memory is left alone.
    """

    # Behind the labels, before the timers start.
    priority = 45

    provides = 'memory'

    def __init__(self) -> None:
        self.embedder: Optional[DomainEmbedder] = None
        self.online = False
        self.renewed = -1

    def before_train(self, runner: Runner) -> None:
        """Take the embedder of the hook that gives the labels."""
        labeller = next((hook for hook in runner.hooks
                         if getattr(hook, 'provides', None) == 'labels'), None)
        self.embedder = getattr(labeller, 'embedder', DomainEmbedder())
        self.online = getattr(labeller, 'refresh', 'epoch') == 'online'
        if bare_model(runner).memory is not None:
            self.embedder.prepare(runner.cfg)

    def after_clustering(self, runner: Runner, clustering: Clustering) -> None:
        """Renew all centres."""
        if bare_model(runner).memory is not None:
            self._renew(runner, clustering)

    def before_train_epoch(self, runner: Runner) -> None:
        """Renew the centres of labelled identities, if there are no others."""
        table = runner.train_dataloader.dataset.label_table
        if bare_model(runner).memory is not None and (
                table.num_classes == table.num_labelled_classes
                and self.renewed != runner.epoch
                and not inside_epoch(runner)):
            self._renew(runner)

    def _renew(self, runner: Runner,
               clustering: Optional[Clustering] = None) -> None:
        model, mixture = bare_model(runner), runner.train_dataloader.dataset
        memory, table = model.memory, mixture.label_table
        start = time.perf_counter()
        images, blocks = np.empty(0, np.int64), ()
        keep = self.online and len(memory.means) > 0
        if not keep:
            images, blocks = self.embedder.labelled(model, mixture)
            runner.logger.info(f'Embedding {len(images):,} labelled images '
                               f'for epoch {runner.epoch + 1}')
        if clustering is not None and len(clustering.images):
            images = np.concatenate([images, clustering.images])
            blocks = chain(blocks, [clustering.embeddings])
        memory.rebuild(
            blocks,
            table.labels[images],
            model.cameras[images],
            table.num_classes,
            next(model.parameters()).device,
            first=table.num_labelled_classes if keep else 0)
        self.renewed = runner.epoch
        runner.logger.info(
            f'Memory of {memory.num_classes:,} identities filled in '
            f'{time.perf_counter() - start:.2f} s')

    def after_train_iter(self, runner: Runner, batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Let the memory follow the batch."""
        model = bare_model(runner)
        if model.memory is not None and (self.online or model.memory.follow):
            model.update_memory()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Save the centres that can not be computed again."""
        model = bare_model(runner)
        if self.online and model.memory is not None:
            table = runner.train_dataloader.dataset.label_table
            checkpoint['centroids_memory'] = model.memory.state_dict_below(
                table.num_labelled_classes)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore the memory of an interrupted run."""
        model, saved = bare_model(runner), checkpoint.get('centroids_memory')
        if not is_resumed(runner) or saved is None or model.memory is None:
            return
        if model.memory.num_classes:  # restored with its clusters already
            return
        table = runner.train_dataloader.dataset.label_table
        model.memory.load_rows(saved, table.num_labelled_classes,
                               next(model.parameters()).device)
