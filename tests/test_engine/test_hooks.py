import logging
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapper, OptimWrapperDict

from mmreidmix.engine import (
    AlternatingOptimWrapperConstructor,
    Bf16OptimWrapper,
    DomainMixPhaseHook,
    EpochSeedHook,
    NonFiniteLossHook,
    ProvenanceHook,
    ResetOptimizerHook,
    StepTimeHook,
)
from mmreidmix.results.provenance import method_hash
from tests.tiny_model import batch, build_model

PHASES = [
    dict(begin=4, loss_weights=dict(id=1.0), discriminator_interval=3),
    dict(begin=0, loss_weights=dict(id=10.0, triplet=2.0)),
]


def steps(hook, epoch, num=7):
    """Kinds of the iterations of an epoch, as the model hears of them."""
    runner = SimpleNamespace(
        epoch=epoch,
        model=build_model(),
        optim_wrapper=SimpleNamespace())
    kinds = []
    for index in range(num):
        hook.before_train_iter(runner, index)
        kinds.append((runner.model.phase, runner.optim_wrapper.active))
    return kinds, runner.model.loss_weights


def test_phases_choose_losses_and_optimizer():
    hook = DomainMixPhaseHook(PHASES)
    kinds, weights = steps(hook, 3)
    assert kinds == 7 * [('identity', 'encoder')]
    assert weights == dict(id=10.0, triplet=2.0)
    kinds, weights = steps(hook, 4)
    other = ('balance', 'encoder')
    d = ('discriminator', 'discriminator')
    assert kinds == [d, other, other, d, other, other, d]
    assert weights == dict(id=1.0, triplet=2.0)  # the triplet's stays
    assert steps(hook, 9) == steps(hook, 4)


@pytest.mark.parametrize('phases,message', [
    ([dict(begin=1)], 'first phase must have begin=0'),
    ([], 'first phase must have begin=0'),
    ([dict(begin=0, weights=dict(id=1))], r"unknown keys \['weights'\]"),
])
def test_wrong_phases(phases, message):
    with pytest.raises(ValueError, match=message):
        DomainMixPhaseHook(phases)


def test_reset_clears_every_optimizer_from_its_epoch_on():
    wrappers = {}
    for name in 'ab':
        weight = torch.nn.Parameter(torch.ones(2))
        wrapper = OptimWrapper(torch.optim.Adam([weight]))
        wrapper.update_params(weight.sum())
        wrappers[name] = wrapper
    runner = SimpleNamespace(
        epoch=1, optim_wrapper=OptimWrapperDict(**wrappers))
    hook = ResetOptimizerHook(begin=2)
    hook.before_train_epoch(runner)
    assert all(w.optimizer.state for w in wrappers.values())
    runner.epoch = 2
    hook.before_train_epoch(runner)
    assert not any(w.optimizer.state for w in wrappers.values())
    assert all(w.optimizer.param_groups for w in wrappers.values())


def draws(seed, epoch):
    EpochSeedHook().before_train_epoch(
        SimpleNamespace(seed=seed, epoch=epoch))
    return random.random(), np.random.rand(), float(torch.rand(1))


def test_epoch_seed_is_a_function_of_seed_and_epoch():
    first = draws(0, 3)
    torch.rand(5), np.random.rand(5), random.random()
    assert draws(0, 3) == first
    others = [draws(0, 4), draws(1, 3), draws(2**31 - 1, 60)]
    assert len({first, *others}) == 4


def test_non_finite_loss_names_images_and_terms():
    runner = SimpleNamespace(
        epoch=2, work_dir='runs/x', logger=logging.getLogger('test'))
    hook = NonFiniteLossHook()
    data = batch((4, 7, 9, 11))
    finite = dict(loss=torch.tensor(1.0), loss_id=torch.tensor(1.0))
    hook.after_train_iter(runner, 5, data, finite)
    for bad in ('nan', 'inf'):
        outputs = dict(finite, loss_triplet=torch.tensor(float(bad)))
        with pytest.raises(FloatingPointError) as error:
            hook.after_train_iter(runner, 5, data, outputs)
        message = str(error.value)
        for part in ('epoch 3, iteration 6', "'loss_id': 1.0",
                     f"'loss_triplet': {bad}", '[4, 7, 9, 11]',
                     "['4.jpg', '7.jpg', '9.jpg']", 'runs/x'):
            assert part in message


def test_non_finite_loss_of_a_model_stops_the_step():
    model = build_model('ReIDBaseline')
    model.backbone.conv.weight.data[0, 0, 0, 0] = float('nan')
    data = batch()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    outputs = model.train_step(data, optimizer)
    runner = SimpleNamespace(
        epoch=0, work_dir='.', logger=logging.getLogger('test'))
    with pytest.raises(FloatingPointError, match="'loss_id': nan"):
        NonFiniteLossHook().after_train_iter(runner, 0, data, outputs)


def test_hash_of_the_config_is_in_checkpoints():
    """The one that results carry: without what is of one run alone."""
    checkpoint = dict(meta=dict(epoch=3))
    model = build_model()
    mixture = SimpleNamespace(domains=[
        SimpleNamespace(name='a', datasheet=dict(source='own')),
        SimpleNamespace(name='b', datasheet={}), SimpleNamespace(name='c')])
    runner = SimpleNamespace(
        cfg=Config(dict(model=dict(type='A'), work_dir='w')), model=model,
        train_dataloader=SimpleNamespace(dataset=mixture),
        logger=logging.getLogger('test'),
        optim_wrapper=Bf16OptimWrapper(
            torch.optim.SGD(model.parameters(), lr=0.1), force=True))
    hook = ProvenanceHook()
    hook.before_train(runner)
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint == dict(meta={
        'epoch': 3, 'method_sha256': method_hash({'model': {'type': 'A'}}),
        'precision': 'bf16', 'datasheets': {'a': {'source': 'own'}}})


def test_alternating_phase_needs_two_optimizers():
    """One optimizer would train the discriminator to be confused."""
    model = build_model()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    runner = SimpleNamespace(epoch=0, model=model, optim_wrapper=wrapper)
    hook = DomainMixPhaseHook([dict(begin=0, discriminator_interval=10)])
    with pytest.raises((TypeError, ValueError),
                       match='AlternatingOptimWrapperConstructor'):
        hook.before_train(runner)
        hook.before_train_iter(runner, 1)


def test_phase_with_balance_needs_one_optimizer():
    model = build_model()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    runner = SimpleNamespace(epoch=0, model=model, optim_wrapper=wrapper)
    hook = DomainMixPhaseHook([dict(begin=0), dict(begin=1, balance=True)])
    hook.before_train(runner)
    kinds = []
    for runner.epoch in (0, 1):
        for i in range(2):
            hook.before_train_iter(runner, i)
            kinds.append(model.phase)
    assert kinds == ['identity', 'identity', 'both', 'both']


def test_phase_with_balance_refuses_two_optimizers():
    """The one that rests would drop the discriminator's gradient."""
    model = build_model()
    wrapper = AlternatingOptimWrapperConstructor(
        dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)))(model)
    runner = SimpleNamespace(epoch=0, model=model, optim_wrapper=wrapper)
    with pytest.raises(TypeError, match='leave out optim_wrapper.constr'):
        DomainMixPhaseHook([dict(begin=0, balance=True)]).before_train(runner)


def test_phase_has_one_way_to_teach_the_discriminator():
    with pytest.raises(ValueError, match='either balance or'):
        DomainMixPhaseHook(
            [dict(begin=0, balance=True, discriminator_interval=10)])


def test_step_times_add_up(monkeypatch):
    """A clock that the test moves: 2 s forward, 3 s backward."""
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    now = SimpleNamespace(value=10.0)
    monkeypatch.setattr('mmreidmix.engine.hooks.step_time_hook.time',
                        SimpleNamespace(perf_counter=lambda: now.value))

    class Slow(torch.nn.Module):

        def forward(self):
            now.value += 2

    hub = MessageHub('test_step_times_add_up')
    runner = SimpleNamespace(model=Slow(), message_hub=hub)
    hook = StepTimeHook()
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    runner.model()
    now.value += 3
    hook.after_train_iter(runner, 0)
    assert hub.get_scalar('train/forward_time').current() == 2
    assert hub.get_scalar('train/backward_time').current() == 3
    hook.after_train(runner)
    hook.before_train_iter(runner, 1)
    runner.model()
    hook.after_train_iter(runner, 1)  # it does not listen any more
    assert hub.get_scalar('train/forward_time').data[1].sum() == 1
