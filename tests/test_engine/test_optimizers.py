import pytest
import torch

from mmreidmix.engine import (
    AlternatingOptimWrapper,
    AlternatingOptimWrapperConstructor,
)
from mmreidmix.registry import OPTIM_WRAPPER_CONSTRUCTORS
from tests.tiny_model import batch, build_model

ADAM = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))


def build(model, paramwise_cfg=None, cfg=ADAM) -> AlternatingOptimWrapper:
    return AlternatingOptimWrapperConstructor(cfg, paramwise_cfg)(model)


def params(wrapper):
    return [p for g in wrapper.optimizer.param_groups for p in g['params']]


def train(model, wrapper, steps):
    for seed, step in enumerate(steps):
        model.phase = step
        wrapper.active = (
            'discriminator' if step == 'discriminator' else 'encoder')
        model.train_step(batch(seed=seed), wrapper)


def test_every_parameter_belongs_to_one_optimizer():
    model = build_model()
    wrapper = build(model)
    head = {id(p) for p in params(wrapper['discriminator'])}
    rest = {id(p) for p in params(wrapper['encoder'])}
    assert head == {id(p) for p in model.domain_head.parameters()}
    assert not head & rest
    assert head | rest == {id(p) for p in model.parameters()}
    assert len(head) + len(rest) == len(list(model.parameters()))


def test_found_by_name_and_used_by_the_runner():
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(
            type='AlternatingOptimWrapperConstructor',
            optim_wrapper_cfg=ADAM,
            paramwise_cfg=None))
    assert isinstance(constructor(build_model()), AlternatingOptimWrapper)


def test_paramwise_options_hold_for_the_encoder():
    wrapper = build(
        build_model(),
        dict(custom_keys={'backbone': dict(lr_mult=0.1)}))
    rates = {group['lr'] for group in wrapper['encoder'].param_groups}
    assert sorted(rates) == pytest.approx([1e-4, 1e-3])
    assert {g['lr'] for g in wrapper['discriminator'].param_groups} == {1e-3}


def test_another_submodule_may_have_its_own_optimizer():
    model = build_model()
    wrapper = build(model, dict(discriminator='id_head'))
    assert params(wrapper['discriminator']) == [model.id_head.weight]


def test_missing_discriminator_is_named():
    with pytest.raises(ValueError, match="no submodule 'domain_head'"):
        build(build_model('ReIDBaseline'))


def test_the_config_is_not_changed():
    cfg = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    paramwise = dict(discriminator='domain_head')
    build(build_model(), paramwise, cfg)
    assert cfg == dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    assert paramwise == dict(discriminator='domain_head')


def test_state_goes_on_where_it_stopped():
    """Four steps equal two steps, a checkpoint, and two more steps."""
    steps = ('discriminator', 'balance', 'balance', 'discriminator')
    whole = build_model()
    train(whole, build(whole), steps)

    first = build_model()
    wrapper = build(first)
    train(first, wrapper, steps[:2])
    state = wrapper.state_dict()
    assert state.keys() == {'encoder', 'discriminator'}
    second = build_model()
    second.load_state_dict(first.state_dict())
    wrapper = build(second)
    wrapper.load_state_dict(state)
    for seed, step in enumerate(steps[2:], 2):
        second.phase = step
        wrapper.active = (
            'discriminator' if step == 'discriminator' else 'encoder')
        second.train_step(batch(seed=seed), wrapper)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[key]), key


def test_each_optimizer_counts_its_own_steps():
    model = build_model()
    wrapper = build(model)
    train(model, wrapper, ('discriminator', 'balance', 'identity'))
    assert {float(s['step'])
            for s in wrapper['encoder'].optimizer.state.values()} == {2}
    assert {float(s['step'])
            for s in wrapper['discriminator'].optimizer.state.values()
            } == {1}


def test_should_update_is_that_of_the_active_optimizer():
    """Each counts its own backward passes."""
    model = build_model()
    wrapper = build(model, cfg=dict(ADAM, accumulative_counts=2))
    parts = dict(encoder=model.id_head.weight,
                 discriminator=next(model.domain_head.parameters()))
    told = []
    for name in ('encoder', 'discriminator', 'encoder', 'encoder',
                 'discriminator'):
        wrapper.active = name
        before = parts[name].detach().clone()
        wrapper.update_params(parts[name].sum())
        moved = not torch.equal(parts[name], before)
        told.append(wrapper.should_update())
        assert told[-1] == moved
    assert told == [False, False, True, False, True]
    wrapper.active = 'encoder'
    assert not wrapper.should_update()


def test_should_update_without_accumulation():
    wrapper = build(build_model())
    for wrapper.active in ('encoder', 'discriminator'):
        assert wrapper.should_update()
