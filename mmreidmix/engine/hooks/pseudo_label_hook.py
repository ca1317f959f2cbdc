"""Gives the unlabelled domains identities before an epoch."""

import copy
import logging
import time
from collections.abc import Sequence
from typing import Optional

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmreidmix.engine.extraction import extract_embeddings
from mmreidmix.engine.runner_parts import bare_model, single_optim_wrappers
from mmreidmix.pseudo_labels import (
    CollapsedFeaturesError,
    JaccardDBSCAN,
    PseudoLabelResult,
    describe_clustering,
    renumber,
)
from mmreidmix.registry import HOOKS


@HOOKS.register_module()
class PseudoLabelHook(Hook):
    """Embeds, clusters and relabels the unlabelled domains.

    Before an epoch: all processes embed each unlabelled domain together; the
    main process clusters the embeddings; the labels are broadcast and written
    into the mixture's label table; the model hears of the new identities and
    their centres (``begin_pseudo_labels``). The independence threshold of a
    domain, fixed at its first clustering, is kept in the checkpoint.

    Args:
        pipeline (Sequence[dict]): test transforms.
        clustering (dict): options of
            :class:`mmreidmix.pseudo_labels.JaccardDBSCAN`.
        begin (int): first epoch with pseudo labels; until then the model
            learns from the labelled domains alone. Defaults to 0.
        interval (int): epochs between two clusterings. Defaults to 1.
        batch_size (int): images per forward pass of a process.
        num_workers (int): loading workers of a process.
        bf16 (bool): embed in bfloat16. Defaults to True.
        reset_moments (bool): forget the optimizer's moments of the
            classifier rows of pseudo identities, which belonged to other
            clusters. Defaults to True (the released code keeps them).
        oracle (bool): label by the true identities instead, to measure the
            upper bound that better pseudo labels could reach. Defaults to
            False.
    """

    # Before the timers start, so that data_time is about data alone.
    priority = 'ABOVE_NORMAL'

    def __init__(self,
                 pipeline: Sequence[dict],
                 clustering: Optional[dict] = None,
                 begin: int = 0,
                 interval: int = 1,
                 batch_size: int = 64,
                 num_workers: int = 0,
                 bf16: bool = True,
                 reset_moments: bool = True,
                 oracle: bool = False):
        if interval < 1 or begin < 0:
            raise ValueError('PseudoLabelHook needs interval >= 1 and begin '
                             f'>= 0, got {interval} and {begin}')
        self.pipeline = Compose(pipeline)
        self.clusterer = JaccardDBSCAN(**(clustering or {}))
        self.begin = begin
        self.interval = interval
        self.loading = dict(
            batch_size=batch_size, num_workers=num_workers, bf16=bf16)
        self.reset_moments = reset_moments
        self.oracle = oracle
        self.alphas = {}

    def before_train_epoch(self, runner) -> None:
        """Relabel where it is due."""
        late = runner.epoch - self.begin
        if late < 0 or late % self.interval:
            return
        mixture = runner.train_dataloader.dataset
        table = mixture.label_table
        clusters, centroids = {}, []
        for domain in table.unlabelled:
            embeddings, clusters[domain] = self._label(runner, mixture,
                                                       domain)
            centroids.append(cluster_centroids(embeddings, clusters[domain]))
        if not clusters:
            return
        table.assign(clusters)
        bare_model(runner).begin_pseudo_labels(
            torch.cat(centroids), table.num_labelled_classes)
        if self.reset_moments:
            forget_pseudo_rows(runner, table.num_labelled_classes)

    def _label(self, runner, mixture, index: int):
        """Embeddings (N, D) and clusters (N,) of one domain."""
        start = time.perf_counter()
        domain = mixture.domains[index]
        view = copy.copy(domain)
        view.pipeline = self.pipeline
        embeddings = extract_embeddings(
            bare_model(runner), view, **self.loading)
        extracted = time.perf_counter() - start
        result = [None]
        if is_main_process():
            result = [self._cluster(domain, embeddings)]
            table = mixture.label_table
            self._report(runner, domain, result[0], extracted,
                         table.labels[table.span(index)])
        broadcast_object_list(result)
        result = result[0]
        self.alphas[domain.name] = result.alpha
        return embeddings, result.labels

    def _cluster(self, domain, embeddings: torch.Tensor) -> PseudoLabelResult:
        if self.oracle:
            labels = renumber(domain.records.pids)
            return PseudoLabelResult(labels=labels, clusters=labels)
        alpha = self.alphas.get(domain.name)
        try:
            return self.clusterer(embeddings.numpy(), alpha=alpha)
        except CollapsedFeaturesError as error:
            # The labelled domains may still pull the features apart.
            print_log(
                f'{domain.name}: {error}',
                logger='current',
                level=logging.WARNING)
            nothing = np.full(len(embeddings), -1, dtype=np.int64)
            return PseudoLabelResult(
                labels=nothing, clusters=nothing, alpha=alpha)

    def _report(self, runner, domain, result, extracted: float,
                previous: np.ndarray) -> None:
        """Label quality and the time of each stage, to log and visualizer.

        True identities are read here only, for the report, where a data set
        has them.
        """
        pids = domain.records.pids
        quality = describe_clustering(
            result.labels,
            camids=domain.records.camids,
            true_pids=pids if (pids >= 0).all() else None,
            previous=previous if (previous >= 0).any() else None)
        seconds = dict(extract=extracted, **result.seconds)
        runner.logger.info(
            f'Pseudo labels of {domain.name}, epoch {runner.epoch + 1}: ' +
            ', '.join(f'{k} {v:.5g}' for k, v in quality.items()) +
            '; seconds: ' +
            ', '.join(f'{k} {v:.2f}' for k, v in seconds.items()))
        if quality['clusters'] == 0:
            runner.logger.warning(
                f'no cluster of {domain.name} survived in epoch '
                f'{runner.epoch + 1}: training goes on with the other '
                'domains')
        scalars = {f'time_{k}': v for k, v in seconds.items()}
        scalars.update(quality)
        runner.visualizer.add_scalars(
            {
                f'pseudo_labels/{domain.name}/{k}': float(v)
                for k, v in scalars.items()
            },
            step=runner.iter)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Save what later epochs depend on."""
        checkpoint['pseudo_labels'] = dict(alphas=dict(self.alphas))

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Go on with the thresholds of an interrupted run."""
        state = checkpoint.get('pseudo_labels')
        if runner._resume and state is not None:
            self.alphas = dict(state['alphas'])


def forget_pseudo_rows(runner, first: int) -> None:
    """Zero the optimizer's moments of classifier rows from ``first`` on."""
    weight = getattr(bare_model(runner).id_head, 'weight', None)
    for wrapper in single_optim_wrappers(runner):
        state = wrapper.optimizer.state.get(weight, {})
        for name in ('exp_avg', 'momentum_buffer'):
            if state.get(name) is not None:
                state[name][first:] = 0


def cluster_centroids(embeddings: torch.Tensor,
                      labels: np.ndarray) -> torch.Tensor:
    """Unit-length means of the embeddings of each cluster.

    Args:
        embeddings (Tensor): unit-length rows, shape (N, D).
        labels (np.ndarray): clusters 0..K-1, shape (N,); -1 is left out.

    Returns:
        Tensor: shape (K, D).
    """
    labels = torch.from_numpy(np.asarray(labels))
    kept = labels >= 0
    num = int(labels.max()) + 1 if kept.any() else 0
    sums = embeddings.new_zeros(num, embeddings.shape[1])
    sums.index_add_(0, labels[kept], embeddings[kept])
    return torch.nn.functional.normalize(sums)
