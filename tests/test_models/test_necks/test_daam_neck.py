import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mmreidmix.models.necks.daam_neck as module
from mmreidmix.models import DAAMNeck
from mmreidmix.registry import MODELS


def neck(channels=6, **options):
    torch.manual_seed(0)
    return DAAMNeck(channels, reduction=2, **options)


def moved_neck(channels=6):
    """Attention far from its beginning."""
    model = neck(channels)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    return model


def resnet():
    """In evaluation mode."""
    torch.manual_seed(0)
    backbone = MODELS.build(
        dict(type='mmpretrain.ResNet', depth=18, stem_channels=4,
             base_channels=4))
    backbone.eval()
    return backbone


@given(st.integers(2, 4), st.integers(1, 6), st.integers(1, 7),
       st.integers(1, 5), st.integers(0, 100))
@settings(max_examples=30)
def test_split_of_maps_of_any_size(batch, channels, height, width, seed):
    torch.manual_seed(seed)
    model = moved_neck(channels)
    features = torch.randn(batch, channels, height, width)
    last = model.attend(features)
    shared = model(features)
    torch.testing.assert_close(last.shared, shared)
    assert last.features is features
    torch.testing.assert_close(last.shared + last.specific, features)
    assert last.spatial.shape == (batch, 1, height, width)
    assert last.channel.shape == (batch, channels, 1, 1)
    for factor in (last.spatial, last.channel):
        assert (factor > 0).all() and (factor < 1).all()
    attention = last.spatial * last.channel
    torch.testing.assert_close(shared, attention * features)
    torch.testing.assert_close(last.specific, (1 - attention) * features)
    torch.testing.assert_close(last.pooled_specific(),
                               last.specific.mean((2, 3)))
    mean, std = last.statistics()
    torch.testing.assert_close(mean, attention.mean())
    torch.testing.assert_close(
        std, attention.std(correction=0), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize('shape', [(8, 64, 8, 4), (8, 64, 1, 1)])
def test_attention_begins_near_one_half(shape):
    model = neck(64)
    mean, std = model.attend(torch.randn(shape)).statistics()
    assert mean == pytest.approx(0.5, abs=0.03)
    assert std < 0.05


def test_each_factor_can_fall_below_one_half():
    """Which a ReLU before the sigmoid would not allow."""
    model = neck()
    for layer in (model.spatial_out, model.channel[-1]):
        torch.nn.init.constant_(layer.bias, -3)
    attended = model.attend(torch.randn(4, 6, 4, 2))
    assert (attended.spatial < 0.2).all()
    assert (attended.channel < 0.2).all()


def test_gradients_reach_both_maps_and_all_weights():
    model = neck()
    features = torch.randn(4, 6, 4, 2)
    for name in ('shared', 'specific'):
        inputs = features.clone().requires_grad_()
        model.zero_grad()
        getattr(model.attend(inputs), name).square().sum().backward()
        assert inputs.grad.abs().sum() > 0
        for key, parameter in model.named_parameters():
            assert parameter.grad.abs().sum() > 0, (name, key)


def test_bf16_maps_split_up_to_rounding():
    model = neck()
    features = torch.randn(4, 6, 4, 2).bfloat16()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        last = model.attend(features)
    torch.testing.assert_close(last.shared + last.specific, features)
    assert last.pooled_specific().dtype == torch.float32


@pytest.mark.parametrize('stage', ['layer1', 'layer2', 'layer3.0'])
def test_stage_inside_the_backbone_feeds_the_next(stage):
    backbone, inputs = resnet(), torch.randn(2, 3, 32, 16)
    with torch.no_grad():
        seen = []
        backbone.get_submodule(stage).register_forward_hook(
            lambda part, args, output: seen.append(output))
        plain = backbone(inputs)[-1]
        model = moved_neck(seen[0].shape[1]).eval()
        model.after = stage
        outputs, attended = model.run(backbone, inputs)
        # By hand: the map of the stage, then the rest of the backbone.
        torch.testing.assert_close(attended.features, seen[0])
        handle = backbone.get_submodule(stage).register_forward_hook(
            lambda *args: attended.shared)
        expected = backbone(inputs)[-1]
        handle.remove()
        torch.testing.assert_close(outputs, expected)
        assert not torch.allclose(outputs, plain)
        torch.testing.assert_close(backbone(inputs)[-1], plain)


def test_behind_the_last_output():
    backbone, inputs = resnet(), torch.randn(2, 3, 32, 16)
    model = moved_neck(32).eval()
    outputs, attended = model.run(backbone, inputs)
    torch.testing.assert_close(outputs, model(backbone(inputs)[-1]))
    assert outputs is attended.shared


def test_the_backbone_is_as_before_also_after_an_error():
    backbone = resnet()
    keys = list(backbone.state_dict())
    model = neck(5, after='layer2')
    with pytest.raises(ValueError, match=r'map \(B, 5, H, W\), got a '
                       r'Tensor of shape \(2, 8, 4, 2\)'):
        model.run(backbone, torch.randn(2, 3, 32, 16))
    assert not backbone.layer2._forward_hooks
    assert list(backbone.state_dict()) == keys


def test_copies_see_for_themselves():
    model = neck()
    first = torch.randn(4, 6, 4, 2)
    before = model(first)
    other = copy.deepcopy(model)
    assert other.state_dict().keys() == model.state_dict().keys()
    with torch.no_grad():
        other.spatial_out.bias.zero_()
    torch.testing.assert_close(model(first), before)
    assert not torch.allclose(other(first), before)
    assert model.spatial_out.bias.item() > 0


def test_it_can_be_the_first_of_several_necks():
    model, maps = neck(), torch.randn(2, 4, 6, 4, 2)
    torch.testing.assert_close(model(tuple(maps)), model(maps[1]))


def test_vectors_are_refused():
    with pytest.raises(ValueError, match='attention.after to a stage'):
        neck()(torch.randn(4, 6))


def test_unknown_stage():
    with pytest.raises(ValueError, match="after='layer5' is no submodule of "
                       "ResNet: expected one of .*'layer4'"):
        neck(after='layer5').run(resnet(), torch.zeros(1, 3, 32, 16))


@pytest.mark.parametrize('options', [dict(in_channels=0),
                                     dict(in_channels=4, reduction=0)])
def test_sizes_below_one(options):
    with pytest.raises(ValueError, match='at least 1'):
        DAAMNeck(**options)


@pytest.mark.parametrize('mean,empty', [(0.01, 'shared'), (0.99, 'specific')])
def test_collapse_is_said_once(monkeypatch, mean, empty):
    said = []
    monkeypatch.setattr(module, 'print_log',
                        lambda message, **kwargs: said.append(message))
    model = neck()
    for value in (0.5, 0.021, 0.979, mean, mean):
        model.warn_of_collapse(value)
    text, = said
    assert f'domain-{empty} map is nearly empty' in text
    assert 'loss_specific' in text
