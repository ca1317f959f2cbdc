"""Gives the unlabelled domains identities before an epoch."""

import copy
import logging
import math
import time
from collections.abc import Sequence
from typing import Optional

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.device import is_cuda_available
from mmengine.dist import broadcast, get_dist_info, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from torch.utils.data import Subset

from mmreidmix.distributed import gather_rows
from mmreidmix.engine.extraction import extract_embeddings
from mmreidmix.engine.runner_parts import bare_model, single_optim_wrappers
from mmreidmix.neighbours import normalise
from mmreidmix.pseudo_labels import (
    FINCH,
    CollapsedFeaturesError,
    JaccardDBSCAN,
    KMeans,
    PseudoLabelResult,
    collapse_warning,
    describe_clustering,
    renumber,
)
from mmreidmix.registry import HOOKS, TASK_UTILS

# Registered here, for pseudo_labels knows nothing of MMEngine.
CLUSTERERS = (JaccardDBSCAN, FINCH, KMeans)
for _clusterer in CLUSTERERS:
    TASK_UTILS.register_module(module=_clusterer)


def build_clusterer(clustering: Optional[dict] = None):
    """Build a clusterer from a config.

    Args:
        clustering (dict, optional): its options, with ``type`` the name of a
            class registered in ``TASK_UTILS``, or the class; ``JaccardDBSCAN``
            where it is missing.

    Raises:
        ValueError: no class of that name is registered.
    """
    options = dict(clustering or {})
    name = options.setdefault('type', JaccardDBSCAN.__name__)
    if isinstance(name, str) and TASK_UTILS.get(name) is None:
        known = ', '.join(clusterer.__name__ for clusterer in CLUSTERERS)
        raise ValueError(
            f'clustering type {name!r} is unknown: expected one of {known}, '
            'or a class of your own that is registered in '
            'mmreidmix.registry.TASK_UTILS and imported by custom_imports')
    return TASK_UTILS.build(options)


@HOOKS.register_module()
class PseudoLabelHook(Hook):
    """Embeds, clusters and relabels the unlabelled domains.

    Before an epoch: all processes embed each unlabelled domain together and
    share the search of its neighbours; the main process clusters; the labels
    are broadcast and written into the mixture's label table; the model hears
    of the new identities, their centres and images (``begin_pseudo_labels``).
    The independence threshold of a domain, fixed at its first clustering, is
    kept in the checkpoint, and so is what the model needs between two
    clusterings. A model with ``embeds_labelled`` hears of the embeddings of
    labelled domains, too, at each clustering and in epochs before ``begin``.

    A clusterer is called with the embeddings (N, D), float32 of length 1, and
    ``alpha``, and returns a :class:`mmreidmix.pseudo_labels.PseudoLabelResult`
    (``alpha`` is the value of the last result of the domain, None at first).
    Where it has the methods ``search(features, rows)`` and
    ``cluster(features, indices, sims, alpha)`` and a ``backend``, as
    :class:`mmreidmix.pseudo_labels.JaccardDBSCAN` has, those are called
    instead, ``search`` in every process for a part of the rows, on its GPU
    where there is one and the backend is 'torch'.

    Args:
        pipeline (Sequence[dict]): test transforms.
        clustering (dict): ``type``, by default ``'JaccardDBSCAN'``, or
            ``'FINCH'``, ``'KMeans'`` or a class registered in ``TASK_UTILS``;
            and its options.
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
        self.clusterer = build_clusterer(clustering)
        self.begin = begin
        self.interval = interval
        self.loading = dict(
            batch_size=batch_size, num_workers=num_workers, bf16=bf16)
        self.reset_moments = reset_moments
        self.oracle = oracle
        self.alphas = {}

    def before_train(self, runner) -> None:
        """Tell the model the cameras."""
        bare_model(runner).cameras = unique_cameras(
            runner.train_dataloader.dataset)

    def before_train_epoch(self, runner) -> None:
        """Relabel where it is due."""
        late = runner.epoch - self.begin
        due = late >= 0 and late % self.interval == 0
        mixture = runner.train_dataloader.dataset
        model = bare_model(runner)
        if model.embeds_labelled and (due or late < 0):
            self._tell_labelled(runner, mixture)
        if due and mixture.label_table.unlabelled:
            self._relabel(runner, mixture)

    def _tell_labelled(self, runner, mixture) -> None:
        """Embed the labelled domains for the model."""
        start = time.perf_counter()
        images, blocks = self._labelled(runner, mixture)
        images = np.concatenate(images)
        bare_model(runner).begin_labelled(
            images, (block for part in blocks for block in part))
        runner.logger.info(
            f'Embedded {len(images):,} labelled images for epoch '
            f'{runner.epoch + 1} in {time.perf_counter() - start:.2f} s')

    def _relabel(self, runner, mixture) -> None:
        """Cluster all unlabelled domains and tell table and model."""
        table = mixture.label_table
        clusters, centroids, images, rows = {}, [], [], []
        for domain in table.unlabelled:
            embeddings, found = self._label(runner, mixture, domain)
            clusters[domain] = found
            centroids.append(cluster_centroids(embeddings, found))
            kept = np.flatnonzero(found >= 0)
            images.append(kept + table.span(domain).start)
            rows.append(embeddings[torch.from_numpy(kept)])
        table.assign(clusters)
        bare_model(runner).begin_pseudo_labels(
            torch.cat(centroids), table.num_labelled_classes,
            np.concatenate(images), torch.cat(rows))
        if self.reset_moments:
            forget_pseudo_rows(runner, table.num_labelled_classes)

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch=None,
                         outputs=None) -> None:
        """Let the memory of a model that has one follow."""
        model = bare_model(runner)
        if model.embeds_labelled:
            model.update_memory()

    def _label(self, runner, mixture, index: int):
        """Embeddings (N, D) and clusters (N,) of one domain."""
        start = time.perf_counter()
        domain = mixture.domains[index]
        embeddings = self._embed(runner, domain)
        extracted = time.perf_counter() - start
        result = self._cluster(domain, embeddings)
        if is_main_process():
            table = mixture.label_table
            self._report(runner, domain, result, extracted,
                         table.labels[table.span(index)])
        labels, self.alphas[domain.name] = share_result(
            result, len(embeddings))
        return embeddings, labels

    def _labelled(self, runner, mixture) -> tuple:
        """Images of labelled domains and generators of their embeddings."""
        images, blocks = [np.empty(0, np.int64)], []
        table = mixture.label_table
        for index, domain in enumerate(mixture.domains):
            if index in table.unlabelled:
                continue
            span = table.span(index)
            own = np.flatnonzero(table.labels[span] >= 0)
            images.append(own + span.start)
            blocks.append(self._blocks(runner, domain, own))
        return images, blocks

    def _blocks(self, runner, domain, images, size: int = 1 << 15):
        """Embeddings in blocks: all of a large domain may be too much."""
        for start in range(0, len(images), size):
            yield self._embed(runner, domain, images[start:start + size])

    def _embed(self, runner, domain, images=None, **options) -> torch.Tensor:
        """Embeddings (n, D) of a domain or of some of its images."""
        view = copy.copy(domain)
        view.pipeline = self.pipeline
        if images is not None:
            view = Subset(view, images)
        return extract_embeddings(
            bare_model(runner), view, **self.loading, **options)

    def _cluster(self, domain,
                 embeddings: torch.Tensor) -> Optional[PseudoLabelResult]:
        """The result in the main process, None in the others."""
        if self.oracle:
            labels = renumber(domain.records.pids)
            return PseudoLabelResult(labels=labels, clusters=labels)
        arguments, seconds = (embeddings.numpy(), ), {}
        method = self.clusterer
        if hasattr(self.clusterer, 'search'):
            start = time.perf_counter()
            features = embeddings.float()
            normalise(features, out=features)
            lists = search_together(self.clusterer, features)
            arguments = (features.numpy(), *lists)
            seconds = dict(neighbours=time.perf_counter() - start)
            method = self.clusterer.cluster
        if not is_main_process():
            return None
        alpha = self.alphas.get(domain.name)
        try:
            result = method(*arguments, alpha=alpha)
        except CollapsedFeaturesError as error:
            # The labelled domains may still pull the features apart.
            print_log(
                f'{domain.name}: {error}',
                logger='current',
                level=logging.WARNING)
            nothing = np.full(len(embeddings), -1, dtype=np.int64)
            result = PseudoLabelResult(
                labels=nothing, clusters=nothing, alpha=alpha)
        result.seconds = {**seconds, **result.seconds}
        return result

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
        where = f'Pseudo labels of {domain.name}, epoch {runner.epoch + 1}: '
        runner.logger.info(
            where + ', '.join(f'{k} {v:.5g}' for k, v in quality.items()
                              if v or not k.startswith('size_hist/')) +
            '; seconds: ' +
            ', '.join(f'{k} {v:.2f}' for k, v in seconds.items()))
        warning = collapse_warning(quality)
        if warning:
            runner.logger.warning(where + warning)
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
        state = dict(alphas=dict(self.alphas))
        # Otherwise the next epoch begins with a clustering.
        if self.interval > 1:
            state['model'] = bare_model(runner).pseudo_label_state()
        checkpoint['pseudo_labels'] = state

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Go on with what an interrupted run knew."""
        state = checkpoint.get('pseudo_labels')
        if runner._resume and state is not None:
            self.alphas = dict(state['alphas'])
            if state.get('model'):
                bare_model(runner).load_pseudo_label_state(state['model'])


def unique_cameras(mixture) -> np.ndarray:
    """Camera of each image, unique over the domains of a mixture, (N,)."""
    cameras, first = np.empty(len(mixture), np.int64), 0
    for index, domain in enumerate(mixture.domains):
        own = domain.records.camids
        cameras[mixture.label_table.span(index)] = own - own.min() + first
        first += int(own.max() - own.min()) + 1
    return cameras


def search_together(clusterer, features: torch.Tensor) -> tuple:
    """Neighbour lists of all images, every process searching some rows.

    Args:
        clusterer: has ``search(features, rows)`` and a ``backend``.
        features (Tensor): unit-length rows, shape (N, D), on the CPU, the
            same in every process.

    Returns:
        tuple[np.ndarray, np.ndarray]: indices and similarities, shape (N, k),
        the same in every process.
    """
    rank, world_size = get_dist_info()
    num = len(features)
    rows = (num * rank // world_size, num * (rank + 1) // world_size)
    if is_cuda_available() and clusterer.backend == 'torch':
        features = features.cuda()
    return tuple(
        gather_rows(torch.from_numpy(part)).numpy()
        for part in clusterer.search(features, rows=rows))


def share_result(result: Optional[PseudoLabelResult], num: int) -> tuple:
    """Labels and alpha of the main process, in every process.

    Args:
        result (PseudoLabelResult, optional): of the main process; what the
            others give is not looked at.
        num (int): images.

    Returns:
        tuple[np.ndarray, float | None]: labels, shape (N,), numbered by first
        member, -1 = noise, and alpha.

    Raises:
        ValueError: there is not a label for every image.
    """
    labels = torch.empty(num, dtype=torch.int64)
    alpha = torch.full((1, ), float('nan'), dtype=torch.float64)
    if is_main_process():
        found = renumber(result.labels)
        if found.shape != (num, ):
            raise ValueError('the clusterer gave labels of shape '
                             f'{found.shape} for {num} images')
        labels.copy_(torch.from_numpy(found))
        if result.alpha is not None:
            alpha[0] = result.alpha
    broadcast(labels)
    broadcast(alpha)
    alpha = alpha.item()
    return labels.numpy(), None if math.isnan(alpha) else alpha


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
