"""What all hooks that give pseudo labels share."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper

from mmreidmix.engine import (
    Bf16OptimWrapper,
    LabellingHook,
    MixtureHook,
    PseudoLabelHook,
)
from mmreidmix.engine.hooks.labelling_hook import forget_pseudo_rows
from tests.test_engine.tiny_run import (
    KnownLabels,
    Listener,
    TinyRun,
    embed_by,
    mixture_of,
)
from tests.tiny_model import build_model

SYN = ('labelled', [1, 1, 2, 2, 2], [0, 0, 1, 0, 1])
REAL = ('unlabelled', [-1] * 6, [0, 1, 0, 1, 0, 1])
CLUSTERS = [1, 0, -1, 0, 1, -1]


class Hears(Hook):
    """Remembers the clusterings and when it heard of them."""

    priority = 'LOWEST'

    def __init__(self, events):
        self.heard, self.events = [], events

    def after_clustering(self, runner, clustering):
        self.heard.append(clustering)
        self.events.append('hook')


class Knows(Listener):
    """A model that says when it hears of a clustering, and has seen it."""

    def __init__(self, events):
        super().__init__()
        self.events = events

    def on_clustering(self, clustering):
        super().on_clustering(clustering)
        self.events.append('model')
        self.labels = self.label_table.labels.tolist()


@pytest.fixture
def world(monkeypatch, log):
    rows = F.normalize(torch.randn(
        6, 8, generator=torch.Generator().manual_seed(0)))
    asked = embed_by(monkeypatch, lambda name, images: rows[images])
    events = []
    hears = Hears(events)
    labeller = KnownLabels(CLUSTERS)
    runner = TinyRun(Knows(events), mixture_of(syn=SYN, real=REAL),
                     MixtureHook(), labeller, hears, Hook())
    return SimpleNamespace(runner=runner, hears=hears, events=events,
                           asked=asked, rows=rows, log=log, hook=labeller)


def test_table_then_model_then_other_hooks(world):
    world.runner.start(0)
    assert world.events == ['model', 'hook']
    labels = [0, 0, 1, 1, 1, 3, 2, -1, 2, 3, -1]
    assert world.runner.model.labels == labels  # when it heard
    clustering, = world.hears.heard
    assert clustering is world.runner.model.heard[0]
    assert clustering.images.tolist() == [5, 6, 8, 9]
    assert clustering.clusters.tolist() == [1, 0, 0, 1]
    assert clustering.camids.tolist() == [2, 3, 3, 2]
    assert torch.equal(clustering.embeddings, world.rows[[0, 1, 3, 4]])
    torch.testing.assert_close(
        clustering.centroids,
        F.normalize(world.rows[[1, 0]] + world.rows[[3, 4]]))
    assert (clustering.first, clustering.num_classes) == (2, 4)


def test_event_goes_through_the_runner(world):
    """MMEngine's runner calls whatever method of a hook has the name."""
    sent = []
    world.runner.call_hook('before_train')
    world.runner.call_hook = lambda name, **kwargs: sent.append((name, kwargs))
    world.hook.before_train_epoch(world.runner)
    assert sent == [
        ('after_clustering', dict(clustering=world.runner.model.heard[0]))]


@pytest.mark.parametrize('begin,interval,due', [
    (0, 1, [0, 1, 2, 3, 4]), (2, 1, [2, 3, 4]), (0, 2, [0, 2, 4]),
    (1, 3, [1, 4]), (0, None, [0]), (2, None, [2])
])
def test_begin_and_interval(world, begin, interval, due):
    world.hook.begin, world.hook.interval = begin, interval
    relabelled = []
    world.runner.start()
    for epoch in range(5):
        before = len(world.events)
        world.runner.begin_epoch(epoch)
        if len(world.events) > before:
            relabelled.append(epoch)
    assert relabelled == due
    assert len(world.hears.heard) == len(world.asked) == len(due)


def test_nothing_to_label(world):
    both = mixture_of(syn=SYN, real=('labelled', *REAL[1:]))
    world.runner.train_dataloader.dataset = both
    world.runner.start(0)
    assert world.events == world.asked == []
    assert 'Start of epoch' not in world.log.text


@pytest.mark.parametrize('option,message', [
    (dict(begin=-1), 'begin must be an integer of at least 0, got -1'),
    (dict(interval=0), 'interval must be an integer of at least 1, got 0'),
    (dict(refresh='never'), "refresh must be one of 'epoch', 'online', got")
])
def test_wrong_options(option, message):
    with pytest.raises(ValueError, match='PseudoLabelHook: ' + message):
        PseudoLabelHook([], **option)


def test_options_of_the_base_class():
    hook = PseudoLabelHook(
        [], begin=3, interval=None, refresh='online', batch_size=5,
        num_workers=2, bf16=False, reset_moments=False, oracle=True)
    assert isinstance(hook, LabellingHook)
    assert (hook.begin, hook.interval, hook.refresh) == (3, None, 'online')
    assert hook.embedder.options == dict(
        batch_size=5, num_workers=2, bf16=False)
    assert hook.oracle and not hook.reset_moments


@pytest.mark.parametrize('given, forced, expected', [
    (None, True, True), (None, False, False),
    (True, False, True), (False, True, False),
])
def test_images_are_embedded_in_the_format_of_the_training(
        given, forced, expected):
    model = build_model('ReIDBaseline')
    wrapper = Bf16OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=1), force=forced)
    hook = PseudoLabelHook([], bf16=given)
    hook.before_train(
        SimpleNamespace(cfg={}, model=model, optim_wrapper=wrapper))
    assert hook.embedder.options['bf16'] is expected


def test_share_of_the_epoch_is_logged(world):
    world.runner.start(0)
    assert ('Start of epoch 1: 2 labelled and 2 pseudo identities; seconds: '
            'all ') in world.log.text
    world.runner.call_hook('after_train_epoch')
    assert 'The start of epoch 1 took' in world.log.text
    scalars = world.runner.scalars
    assert 0 < scalars['epoch_start/share'] < 1
    assert scalars['epoch_start/time_all'] > 0


def test_no_share_of_an_epoch_without_labelling(world):
    world.hook.interval = None
    world.runner.start(0, 1)
    world.runner.call_hook('after_train_epoch')
    assert 'The start of epoch' not in world.log.text
    assert world.runner.scalars == {}


def test_transforms_are_those_of_the_validation(world):
    """Unless the hook has its own, see test_domain_embedder.py."""
    world.runner.register(KnownLabels(CLUSTERS, pipeline=None))
    with pytest.raises(ValueError, match='no val_dataloader.dataset.pipeline'):
        world.runner.call_hook('before_train')


def trained_head():
    """A model whose classifier Adam has moved for a while, and its runner."""
    model = build_model('ReIDBaseline')
    weight = model.id_head.weight
    wrapper = OptimWrapper(torch.optim.Adam([weight], lr=0.1))
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        noise = torch.randn(weight.shape, generator=generator)
        wrapper.update_params((weight * noise).sum())
    return weight, wrapper, SimpleNamespace(
        model=model, optim_wrapper=wrapper)


def test_moments_of_pseudo_rows_are_forgotten():
    weight, wrapper, runner = trained_head()
    state = wrapper.optimizer.state[weight]
    before = state['exp_avg'].clone()
    forget_pseudo_rows(runner, first=4)
    assert (state['exp_avg'][4:] == 0).all()
    assert torch.equal(state['exp_avg'][:4], before[:4])
    assert (before != 0).all()


@pytest.mark.parametrize('reset', [True, False])
def test_moments_are_forgotten_with_each_clustering(world, reset):
    weight, wrapper, trained = trained_head()
    world.hook.reset_moments = reset
    world.runner.model, world.runner.optim_wrapper = trained.model, wrapper
    moments = wrapper.optimizer.state[weight]['exp_avg']
    world.runner.start(0)
    assert (moments[:2] != 0).all()
    assert (moments[2:] == 0).all() == reset
    assert (moments[2:] != 0).all() != reset


def test_momentum_of_sgd_is_forgotten():
    model = build_model('ReIDBaseline')
    weight = model.id_head.weight
    wrapper = OptimWrapper(torch.optim.SGD([weight], lr=0.1, momentum=0.9))
    wrapper.update_params(weight.sum())
    forget_pseudo_rows(
        SimpleNamespace(model=model, optim_wrapper=wrapper), 4)
    buffer = wrapper.optimizer.state[weight]['momentum_buffer']
    assert (buffer[:4] == 1).all() and (buffer[4:] == 0).all()


def test_forgotten_rows_start_no_faster_than_adam_does():
    """A gradient as large as those before moves by the learning rate."""
    weight, wrapper, runner = trained_head()
    forget_pseudo_rows(runner, first=4)
    for _ in range(3):
        before = weight.detach().clone()
        wrapper.update_params(weight.sum())
        moved = (weight.detach() - before).abs()
        assert moved[4:].max() <= 0.1 * 1.01


def test_nothing_to_forget_before_the_first_step():
    model = build_model('ReIDBaseline')
    wrapper = OptimWrapper(torch.optim.Adam(model.parameters()))
    forget_pseudo_rows(
        SimpleNamespace(model=model, optim_wrapper=wrapper), 0)
    assert not wrapper.optimizer.state


def test_nothing_to_forget_without_a_classifier():
    model = build_model('ReIDBaseline', id_head=None)
    weight = model.backbone.conv.weight
    wrapper = OptimWrapper(torch.optim.Adam([weight]))
    wrapper.update_params(weight.sum())
    forget_pseudo_rows(
        SimpleNamespace(model=model, optim_wrapper=wrapper), 0)
    assert np.all(wrapper.optimizer.state[weight]['exp_avg'].numpy() != 0)
