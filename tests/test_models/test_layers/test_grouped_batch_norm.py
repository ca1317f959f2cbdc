"""Grouped batch norm beside one ``nn.BatchNorm`` per group."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmreidmix.models.backbones import ResNetIBN
from mmreidmix.models.layers import (
    GroupedBatchNorm1d,
    GroupedBatchNorm2d,
    group_batch_norm,
)

SHAPES = {1: (12, 5), 2: (12, 5, 4, 3)}
PLAIN = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
GROUPED = {1: GroupedBatchNorm1d, 2: GroupedBatchNorm2d}


def _layer(dim, seed=0, **kwargs):
    torch.manual_seed(seed)
    layer = PLAIN[dim](5, **kwargs)
    if layer.affine:
        nn.init.uniform_(layer.weight, 0.5, 1.5)
        nn.init.normal_(layer.bias)
    if layer.track_running_stats:
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.5, 2)
    return layer


def _by_hand(layer, x, group_size):
    """One copy of the layer per group, all from the same state."""
    copies = [copy.deepcopy(layer) for _ in range(len(x) // group_size)]
    out = torch.cat([c(g) for c, g in zip(copies, x.split(group_size))])
    return out, copies


@pytest.mark.parametrize('momentum', [0.1, 0.7, None])
@pytest.mark.parametrize('dim', [1, 2])
def test_equals_one_layer_per_group(dim, momentum):
    layer = _layer(dim, momentum=momentum)
    x = torch.randn(SHAPES[dim]) * 3 + 1
    grouped = group_batch_norm(copy.deepcopy(layer), 4)
    for step in range(1, 4):
        expected, copies = _by_hand(layer, x, 4)
        torch.testing.assert_close(grouped(x), expected)
        for buffer in ('running_mean', 'running_var'):
            mean = torch.stack([getattr(c, buffer) for c in copies]).mean(0)
            torch.testing.assert_close(getattr(grouped, buffer), mean)
            getattr(layer, buffer).copy_(mean)
        layer.num_batches_tracked.add_(1)
        assert grouped.num_batches_tracked == step


@pytest.mark.parametrize('dim', [1, 2])
def test_gradients_equal_one_layer_per_group(dim):
    layer = _layer(dim)
    x = torch.randn(SHAPES[dim], requires_grad=True)
    twin = x.detach().clone().requires_grad_()
    target = torch.randn(SHAPES[dim])
    grouped = group_batch_norm(copy.deepcopy(layer), 3)
    (grouped(x) * target).sum().backward()
    out, copies = _by_hand(layer, twin, 3)
    (out * target).sum().backward()
    torch.testing.assert_close(x.grad, twin.grad)
    for name in ('weight', 'bias'):
        total = sum(getattr(c, name).grad for c in copies)
        torch.testing.assert_close(getattr(grouped, name).grad, total)


def test_group_of_the_whole_batch_is_plain_batch_norm():
    layer = _layer(2)
    grouped = group_batch_norm(copy.deepcopy(layer), 12)
    x = torch.randn(SHAPES[2])
    torch.testing.assert_close(grouped(x), layer(x), rtol=0, atol=0)
    torch.testing.assert_close(grouped.running_var, layer.running_var)


@given(st.integers(1, 4), st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_two_processes_with_averaged_buffers_equal_one(
        groups, group_size, seed):
    one = group_batch_norm(_layer(1, seed), group_size)
    two = [copy.deepcopy(one) for _ in range(2)]
    x = torch.randn(2 * groups * group_size, 5) * 2 - 1
    halves = torch.cat([m(h) for m, h in zip(two, x.chunk(2))])
    torch.testing.assert_close(one(x), halves)
    for buffer in ('running_mean', 'running_var'):
        mean = sum(getattr(m, buffer) for m in two) / 2
        torch.testing.assert_close(getattr(one, buffer), mean)


def test_evaluation_is_unchanged_for_any_batch_size():
    layer = _layer(2).eval()
    grouped = group_batch_norm(copy.deepcopy(layer), 4)
    x = torch.randn(7, 5, 4, 3)
    assert torch.equal(grouped(x), layer(x))
    assert grouped.num_batches_tracked == 0


def test_channels_last_is_kept():
    layer = _layer(2)
    x = torch.randn(SHAPES[2])
    expected, _ = _by_hand(layer, x, 4)
    out = group_batch_norm(layer, 4)(x.to(memory_format=torch.channels_last))
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, expected)


def test_bf16_autocast():
    layer = _layer(2)
    x = torch.randn(SHAPES[2])
    expected, _ = _by_hand(layer, x, 4)
    with torch.autocast('cpu', torch.bfloat16):
        out = group_batch_norm(layer, 4)(x.bfloat16())
    assert out.dtype == torch.bfloat16
    assert layer.running_mean.dtype == torch.float32
    torch.testing.assert_close(out.float(), expected, rtol=.03, atol=.03)


def test_without_running_statistics():
    layer = _layer(2, track_running_stats=False)
    x = torch.randn(SHAPES[2])
    expected, _ = _by_hand(layer, x, 4)
    torch.testing.assert_close(group_batch_norm(layer, 4)(x), expected)


def test_replaces_in_place_and_keeps_state():
    model = ResNetIBN(18)
    model.layer1.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    params = {name: id(p) for name, p in model.named_parameters()}
    frozen = [n for n, p in model.named_parameters() if not p.requires_grad]
    assert group_batch_norm(model, 2) is model
    after = model.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert params == {name: id(p) for name, p in model.named_parameters()}
    assert frozen == [
        n for n, p in model.named_parameters() if not p.requires_grad
    ]
    kinds = [type(m) for m in model.modules()]
    assert nn.BatchNorm2d not in kinds
    assert kinds.count(nn.InstanceNorm2d) == 6
    assert kinds.count(GroupedBatchNorm2d) == 20
    assert 'group_size=2' in repr(model.bn1)


def test_whole_network_equals_one_network_per_group():
    torch.manual_seed(0)
    model = ResNetIBN(18)
    twin = copy.deepcopy(model)
    x = torch.randn(6, 3, 64, 32)
    expected = torch.cat([twin(g)[-1] for g in x.split(3)])
    torch.testing.assert_close(
        group_batch_norm(model, 3)(x)[-1], expected, rtol=1e-4, atol=1e-4)


def test_group_size_can_be_changed():
    layer = group_batch_norm(_layer(1), 4)
    assert group_batch_norm(layer, 6).group_size == 6
    assert type(layer) is GroupedBatchNorm1d


@pytest.mark.parametrize('dim', [1, 2])
def test_constructor_equals_conversion(dim):
    layer = GROUPED[dim](5, group_size=4, momentum=0.3)
    other = group_batch_norm(PLAIN[dim](5, momentum=0.3), 4)
    x = torch.randn(SHAPES[dim])
    assert torch.equal(layer(x), other(x))
    assert torch.equal(layer.running_var, other.running_var)


def test_indivisible_batch_is_refused():
    with pytest.raises(ValueError, match='12 images.*group_size=5'):
        group_batch_norm(_layer(2), 5)(torch.randn(SHAPES[2]))


@pytest.mark.parametrize('group_size', [0, -1, 2.0, None])
def test_bad_group_size_is_refused(group_size):
    with pytest.raises(ValueError, match='group_size must be an integer'):
        group_batch_norm(_layer(1), group_size)


def test_other_batch_norms_are_refused():
    model = nn.Sequential(nn.BatchNorm2d(3), nn.SyncBatchNorm(3))
    with pytest.raises(TypeError, match='1 is a SyncBatchNorm'):
        group_batch_norm(model, 4)
    assert type(model[0]) is nn.BatchNorm2d
