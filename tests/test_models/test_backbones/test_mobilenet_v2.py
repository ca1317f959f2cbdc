"""MobileNetV2 whose strides can be chosen."""

import pytest
import torch

from mmreidmix.models.backbones import MobileNetV2
from mmreidmix.registry import MODELS


@pytest.fixture(scope='module')
def reid():
    torch.manual_seed(0)
    backbone = MobileNetV2(strides=(1, 2, 2, 2, 1, 1, 1))
    backbone.init_weights()
    backbone.eval()
    return backbone


def test_without_last_stride_the_map_is_a_16th(reid):
    with torch.no_grad():
        assert reid(torch.rand(1, 3, 64, 32))[-1].shape == (1, 1280, 4, 2)


def test_without_last_stride_every_second_value_is_kept(reid):
    paper = MODELS.build(dict(type='mmpretrain.MobileNetV2'))
    paper.load_state_dict(reid.state_dict())
    paper.eval()
    maps = {}
    for name, model in dict(reid=reid, paper=paper).items():
        model.layer6[0].register_forward_hook(
            lambda layer, args, output, name=name: maps.update(
                {name: output}))
        with torch.no_grad():
            model(torch.rand(1, 3, 64, 32, generator=_seeded()))
    torch.testing.assert_close(maps['reid'][..., ::2, ::2], maps['paper'])


def _seeded():
    return torch.Generator().manual_seed(0)


def test_default_strides_are_those_of_the_paper():
    assert MobileNetV2().arch_settings == MobileNetV2.arch_settings


@pytest.mark.parametrize('strides', [(1, 2, 2, 1), (1, 2, 2, 2, 1, 3, 1)])
def test_wrong_strides_are_refused(strides):
    with pytest.raises(ValueError, match='strides must be 1 or 2.*7 layers'):
        MobileNetV2(strides=strides)


@pytest.mark.parametrize('size,options', [
    ((64, 32), {}), ((33, 47), {}),
    ((64, 32), dict(norm_cfg=None)),  # convolutions with a bias
])
def test_gradients_are_those_of_plain_convolutions(size, options):
    torch.manual_seed(0)
    reid = MobileNetV2(**options).double()
    paper = MODELS.build(
        dict(type='mmpretrain.MobileNetV2', **options)).double()
    paper.load_state_dict(reid.state_dict())
    gradients = []
    for model in (reid, paper):
        model.train()
        images = torch.rand(
            2, 3, *size, generator=_seeded(),
            dtype=torch.double).requires_grad_()
        model(images)[-1].square().sum().backward()
        gradients.append([images.grad] + [p.grad for p in model.parameters()])
    torch.testing.assert_close(*gradients)


def test_only_what_needs_a_gradient_gets_one():
    model = MobileNetV2().requires_grad_(False)
    layer = model.layer2[0].conv[1].conv
    assert layer.groups > 1 and layer.stride == (2, 2)
    layer.weight.requires_grad_(True)
    model(torch.rand(2, 3, 32, 32))[-1].sum().backward()
    assert layer.weight.grad is not None
