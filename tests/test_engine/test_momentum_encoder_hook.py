"""A momentum encoder, moved by its hook."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper

from mmreidmix.engine import (
    AlternatingOptimWrapperConstructor,
    MomentumEncoderHook,
)
from tests.tiny_model import build_model

SGD = dict(type='SGD', lr=0.1)


def momentum_model(kind='ReIDBaseline', **options):
    return build_model(
        kind, momentum_encoder=dict(type='MomentumEncoder', momentum=0.75,
                                    **options))


def run(model, wrapper):
    return SimpleNamespace(model=model, optim_wrapper=wrapper)


@pytest.mark.parametrize('counts,expected', [(1, [1, 2, 3, 4]),
                                             (2, [0, 1, 1, 2])])
def test_follows_each_update_of_the_weights(counts, expected):
    model = momentum_model()
    wrapper = OptimWrapper(
        torch.optim.SGD(model.parameters(), lr=0.1),
        accumulative_counts=counts)
    loss = torch.ones((), requires_grad=True)
    steps = []
    for i in range(4):
        wrapper.update_params(loss * 1)
        MomentumEncoderHook().after_train_iter(run(model, wrapper), i)
        steps.append(int(model.momentum_encoder.steps))
    assert steps == expected


def test_is_an_average_of_the_weights_after_the_step():
    model = momentum_model()
    slow = model.momentum_encoder.backbone.conv.weight
    start = slow.clone()
    fast = model.backbone.conv.weight
    wrapper = OptimWrapper(torch.optim.SGD([fast], lr=0.1))
    wrapper.update_params(fast.sum())
    assert torch.equal(slow, start)
    MomentumEncoderHook().after_train_iter(run(model, wrapper), 0)
    torch.testing.assert_close(slow, start - 0.25 * 0.1)


def test_model_in_a_distributed_wrapper():
    model = momentum_model()
    wrapped = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    torch.nn.Module.__init__(wrapped)
    wrapped.module = model
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    wrapper.update_params(torch.ones((), requires_grad=True) * 1)
    MomentumEncoderHook().after_train_iter(run(wrapped, wrapper), 0)
    assert int(model.momentum_encoder.steps) == 1


def test_alternating_optimizers():
    """With the step of the one that is active."""
    model = momentum_model('DomainMix')
    wrapper = AlternatingOptimWrapperConstructor(
        dict(type='OptimWrapper', optimizer=SGD, accumulative_counts=2))(model)
    steps = []
    for i in range(4):
        wrapper.update_params(model.id_head.weight.sum())
        MomentumEncoderHook().after_train_iter(run(model, wrapper), i)
        steps.append(int(model.momentum_encoder.steps))
    assert steps == [0, 1, 1, 2]


def test_model_without_one_is_left_alone():
    model = build_model('ReIDBaseline')
    before = {k: v.clone() for k, v in model.state_dict().items()}
    wrapper = SimpleNamespace(should_update=lambda: True)
    MomentumEncoderHook().after_train_iter(run(model, wrapper), 0)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
