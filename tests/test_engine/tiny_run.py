"""Hooks at work without a training: a runner, and domains of columns."""

from types import SimpleNamespace

import numpy as np
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from mmengine.runner import get_priority
from torch.utils.data import Subset

from mmreidmix.datasets import DomainMixture, ReIDRecords
from mmreidmix.datasets.reid_dataset import BaseReIDDataset
from mmreidmix.engine import LabellingHook
from mmreidmix.engine.labelling import feature_extraction
from mmreidmix.engine.labelling.clustering import LabelledImages
from mmreidmix.registry import TRANSFORMS
from tests.tiny_model import batch


class ColumnDataset(BaseReIDDataset):
    """Images of which identities and cameras are known and no more."""

    def __init__(self, pids, camids, **options):
        self.columns = pids, camids
        super().__init__('.', **options)

    def load_records(self):
        paths = [f'{self.name}/{i:03d}.jpg'
                 for i in range(len(self.columns[0]))]
        return ReIDRecords.from_columns(paths, *self.columns)


def mixture_of(**domains) -> DomainMixture:
    """A mixture of domains, each (role, identities, cameras)."""
    return DomainMixture([
        dict(type=ColumnDataset, name=name, role=role, pids=pids,
             camids=camids) for name, (role, pids, camids) in domains.items()
    ])


@TRANSFORMS.register_module(force=True)
class DrawNoise:
    """In place of the image: noise that its number and a seed decide."""

    def __init__(self, seed=0):
        self.seed = seed

    def __call__(self, info):
        data = batch((info['index'], ), seed=100 * self.seed + info['index'])
        return {key: value[0] for key, value in data.items()}


def pipeline(seed):
    """Transforms that draw noise."""
    return [dict(type='DrawNoise', seed=seed)]


def loader(seed):
    """Config of a validation with these transforms."""
    return dict(dataset=dict(type='Any', pipeline=pipeline(seed)))


def expected_rows(model, images, seed, encoder=None):
    """Embeddings of images one by one, in evaluation mode."""
    model.eval()
    rows = []
    for index in images:
        data = batch((index, ), seed=100 * seed + index)
        with torch.no_grad():
            rows.append(model.embed(model.data_preprocessor(data)['inputs'],
                                    encoder)[0])
    model.train()
    return torch.stack(rows)


class TinyRun:
    """What hooks ask of a runner; it calls them as a runner does."""

    def __init__(self, model, mixture, *hooks, cfg=None, need=0, **options):
        self.model = model
        self.register(*hooks)
        self.epoch = self.iter = self.seed = 0
        self._resume = False
        self.train_loop = SimpleNamespace(batches_done=0)
        self.cfg = Config(cfg or {})
        self.train_dataloader = SimpleNamespace(
            dataset=mixture,
            batch_sampler=SimpleNamespace(
                identities_per_epoch=lambda domain: need))
        parameter = torch.nn.Parameter(torch.ones(1))
        self.optim_wrapper = OptimWrapper(torch.optim.SGD([parameter], 0.1))
        self.logger = MMLogger.get_current_instance()
        self.scalars = {}
        self.visualizer = SimpleNamespace(
            add_scalars=lambda values, step: self.scalars.update(values))
        vars(self).update(options)

    @property
    def table(self):
        """The labels of the mixture."""
        return self.train_dataloader.dataset.label_table

    def register(self, *hooks):
        """Take these hooks, and no others, in the order of a runner."""
        self.hooks = sorted(
            hooks, key=lambda hook: get_priority(hook.priority))

    def call_hook(self, name, **kwargs):
        for hook in self.hooks:
            if hasattr(hook, name):
                getattr(hook, name)(self, **kwargs)

    def start(self, *epochs):
        """Begin the training, and these epochs of it."""
        self.call_hook('before_train')
        for epoch in epochs:
            self.begin_epoch(epoch)
        return self

    def begin_epoch(self, epoch):
        self.epoch = epoch
        self.call_hook('before_train_epoch')

    def save(self) -> dict:
        """A checkpoint."""
        checkpoint = dict(meta={})
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        return checkpoint

    def load(self, checkpoint, resume=True):
        """Load a checkpoint, which comes before the training begins."""
        self._resume = resume
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        return self


class Listener:
    """A model that remembers the clusterings it hears of."""

    memory = momentum_encoder = label_encoder = triplet = None

    def __init__(self):
        self.heard, self.state = [], None

    def attach(self, mixture):
        self.label_table = mixture.label_table

    def embed(self, inputs, encoder=None):
        raise AssertionError('the tests embed')

    def on_clustering(self, clustering):
        self.heard.append(clustering)

    def identity_weights(self):
        return []

    def label_state(self):
        return dict(heard=len(self.heard))

    def load_label_state(self, state):
        self.state = state


class KnownLabels(LabellingHook):
    """Gives images clusters that the test knows."""

    def __init__(self, clusters, pipeline=(), **options):
        super().__init__(pipeline, **options)
        self.clusters = np.asarray(clusters)

    def label_domain(self, runner, mixture, domain):
        images = np.arange(len(self.clusters))
        rows = self.embedder.embed(runner.model, mixture.domains[domain],
                                   images)
        return LabelledImages(images, rows, self.clusters)


class Asked(list):
    """Name of the domain and number of images of each extraction."""

    #: What the last one embeds with.
    embed = None


def embed_by(monkeypatch, rows_of) -> Asked:
    """Let a function of (name, images) take the place of a network."""
    asked = Asked()

    def extract(model, view, embed, **options):
        asked.embed = embed
        domain, images = view, np.arange(len(view))
        if isinstance(view, Subset):
            domain, images = view.dataset, view.indices
        asked.append((domain.name, len(images)))
        return rows_of(domain.name, images)

    monkeypatch.setattr(feature_extraction, 'extract_embeddings', extract)
    return asked
