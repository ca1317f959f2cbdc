"""Learning rates, loss weights and steps of the DomainMix recipes."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import HOOKS, PARAM_SCHEDULERS

from tests.tiny_model import batch, build_model

RECIPES = Path(__file__).parents[2] / 'configs' / 'domainmix'
# What the released code trains with: warm-up of 5 epochs, milestones 10 and
# 15; from epoch 30 on its schedulers start anew in every epoch.
USED = ([3.5e-6, 7.28e-5, 1.421e-4, 2.114e-4, 2.807e-4] + 5 * [3.5e-4] +
        5 * [3.5e-5] + 45 * [3.5e-6])


@pytest.fixture(scope='module')
def released():
    return Config.fromfile(RECIPES / 'r50_randperson_msmt_released.py')


@pytest.fixture(scope='module')
def phases(released):
    return HOOKS.build(released.default_hooks.phases)


def rates(cfg, epochs):
    """Learning rate of each epoch."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([parameter],
                                 lr=cfg.optim_wrapper.optimizer.lr)
    schedulers = [
        PARAM_SCHEDULERS.build(dict(s, optimizer=optimizer))
        for s in cfg.param_scheduler
    ]
    used = []
    for _ in range(epochs):
        used.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return used


def test_released_learning_rates(released):
    assert released.train_cfg.max_epochs == 60
    assert rates(released, 60) == pytest.approx(USED, rel=1e-3)


def test_released_optimizer(released):
    optimizer = released.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == (
        'Adam', 3.5e-4, 5e-4)


def test_released_optimizers_start_anew_from_epoch_30(released):
    hook = HOOKS.build(released.default_hooks.reset_optimizer)
    model = build_model()
    optimizer = torch.optim.Adam(model.parameters())
    wrapper = SimpleNamespace(optimizer=optimizer)
    for epoch, is_reset in ((0, False), (29, False), (30, True), (59, True)):
        optimizer.state[model.id_head.weight]['step'] = torch.ones(1)
        hook.before_train_epoch(
            SimpleNamespace(epoch=epoch, optim_wrapper=wrapper))
        assert (len(optimizer.state) == 0) == is_reset, epoch


def test_released_loss_weights(phases):
    model = build_model()
    data = model.data_preprocessor(batch())
    plain = model(**data, mode='loss')
    for epoch, weight in ((0, 10), (29, 10), (30, 1), (59, 1)):
        runner = SimpleNamespace(
            epoch=epoch, model=model, optim_wrapper=SimpleNamespace())
        phases.before_train_iter(runner, 1)
        losses = model(**data, mode='loss')
        torch.testing.assert_close(losses['loss_id'],
                                   weight * plain['loss_id'])
        torch.testing.assert_close(losses['loss_triplet'],
                                   plain['loss_triplet'])
        assert ('loss_domain_balance' in losses) == (epoch >= 30)


@pytest.mark.parametrize('epoch,discriminator', [(0, 0), (29, 0), (30, 200),
                                                 (59, 200)])
def test_released_steps_of_an_epoch(phases, epoch, discriminator):
    phase = phases.phase(epoch)
    steps = [phases.kind(phase, i) for i in range(2000)]
    assert steps.count('discriminator') == discriminator
    other = 'balance' if discriminator else 'identity'
    assert steps.count(other) == 2000 - discriminator
    if discriminator:
        assert {i % 10 for i, s in enumerate(steps)
                if s == 'discriminator'} == {0}


def test_fixed_recipe_weighs_both_phases_alike():
    cfg = Config.fromfile(RECIPES / 'r50_randperson_msmt.py')
    hook = HOOKS.build(cfg.default_hooks.phases)
    assert all(hook.phase(e)['loss_weights'] == {} for e in range(60))
    assert hook.phase(59)['discriminator_interval'] == 10
    assert 'reset_optimizer' not in cfg.default_hooks
    used = rates(cfg, 60)
    assert max(used) == pytest.approx(3.5e-4)
    # The second phase goes on learning.
    assert min(used[20:]) >= 3.5e-6 * 0.99
