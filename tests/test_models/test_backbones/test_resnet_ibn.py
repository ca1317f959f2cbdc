"""ResNet-IBN beside torchvision's ResNet with IBN put in by hand."""

import re

import pytest
import torch
from torch import nn

from mmreidmix.compat import ensure_torchvision
from mmreidmix.models.backbones.resnet_ibn import IBN
from mmreidmix.models.weights import load_pretrained
from mmreidmix.public_weights import convert
from mmreidmix.registry import MODELS

torchvision = ensure_torchvision()

STATISTICS = ('running_mean', 'running_var', 'num_batches_tracked')


class _HandIBN(nn.Module):
    """IBN written out in arithmetic, evaluation mode."""

    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.IN = nn.InstanceNorm2d(half, affine=True)
        self.BN = nn.BatchNorm2d(channels - half)

    def forward(self, x):
        half = x.shape[1] // 2
        a, b = x[:, :half], x[:, half:]
        mean = a.mean((2, 3), keepdim=True)
        var = (a - mean).square().mean((2, 3), keepdim=True)
        a = (a - mean) / (var + 1e-5).sqrt()
        a = a * self.IN.weight[:, None, None] + self.IN.bias[:, None, None]
        return torch.cat([a, self.BN(b)], 1)


def _public_keys(depth):
    """Keys of the IBN-Net files, derived from torchvision's."""
    keys = []
    for key in getattr(torchvision.models, f'resnet{depth}')().state_dict():
        match = re.fullmatch(r'(layer[123]\.\d+\.bn1)\.(.+)', key)
        if match is None:
            keys.append(key)
            continue
        name, part = match.groups()
        keys.append(f'{name}.BN.{part}')
        if part not in STATISTICS:
            keys.append(f'{name}.IN.{part}')
    return {key for key in keys if not key.startswith('fc.')}


@pytest.mark.parametrize('depth, layers', [(18, 6), (50, 13), (101, 30)])
def test_keys_are_those_of_the_public_files(depth, layers):
    model = MODELS.build(dict(type='ResNetIBN', depth=depth))
    assert set(model.state_dict()) == _public_keys(depth)
    assert sum(isinstance(m, IBN) for m in model.modules()) == layers


@pytest.mark.parametrize('depth', [18, 50])
def test_output_equals_torchvision_with_ibn(depth, tmp_path):
    torch.manual_seed(depth)
    source = getattr(torchvision.models, f'resnet{depth}')()
    for layer in (source.layer1, source.layer2, source.layer3):
        for block in layer:
            block.bn1 = _HandIBN(block.bn1.num_features)
    for module in source.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.InstanceNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.2)
            module.running_var.uniform_(0.5, 1.5)
    found = convert(source.state_dict())
    state = found.state
    assert found.source == 'ibn-net'
    assert found.dropped == ['fc.weight', 'fc.bias']
    torch.save(dict(state_dict=state), tmp_path / 'ibn.pth')
    model = MODELS.build(dict(type='ResNetIBN', depth=depth))
    model.eval()
    load_pretrained(model, str(tmp_path / 'ibn.pth'), prefix='backbone.')
    x = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        expected = nn.Sequential(*list(source.eval().children())[:-2])(x)
        torch.testing.assert_close(
            model(x)[-1], expected, rtol=1e-4, atol=1e-4)


def test_last_stage_is_plain():
    model = MODELS.build(dict(type='ResNetIBN', depth=50))
    assert not any(isinstance(m, IBN) for m in model.layer4.modules())


@pytest.mark.parametrize('kind', ['ResNetIBN', 'mmpretrain.ResNet'])
def test_last_stride(kind):
    for last, size in ((2, (2, 1)), (1, (4, 2))):
        model = MODELS.build(
            dict(type=kind, depth=50, strides=(1, 2, 2, last)))
        model.eval()
        with torch.no_grad():
            out = model(torch.rand(1, 3, 64, 32))
        assert out[-1].shape == (1, 2048, *size)


def test_gradients_and_bf16_channels_last():
    torch.manual_seed(0)
    model = MODELS.build(dict(type='ResNetIBN', depth=18))
    model = model.to(memory_format=torch.channels_last)
    x = torch.randn(2, 3, 64, 32).to(memory_format=torch.channels_last)
    with torch.autocast('cpu', torch.bfloat16):
        model(x)[-1].float().square().mean().backward()
    bad = [
        n for n, p in model.named_parameters()
        if p.grad is None or not p.grad.isfinite().all()
    ]
    assert bad == []
    assert model.layer1[0].bn1.IN.weight.grad.abs().sum() > 0
