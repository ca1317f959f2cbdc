"""OSNet: shapes, facts of the paper, and results of public weights."""

import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from mmreidmix.evaluation import QueryGallery, rank
from mmreidmix.models.backbones.osnet import AggregationGate, OSBlock, OSNet
from mmreidmix.models.weights import load_pretrained
from mmreidmix.registry import MODELS

ROOT = Path(__file__).resolve().parents[3]
NECK = dict(
    type='mmpretrain.LinearNeck',
    in_channels=128,
    out_channels=512,
    gap_dim=2,
    norm_cfg=dict(type='BN1d'),
    act_cfg=dict(type='ReLU'))


@pytest.mark.parametrize('width, channels', [(0.25, 128), (0.5, 256),
                                             (0.75, 384), (1.0, 512)])
def test_output_shape(width, channels):
    model = MODELS.build(dict(type='OSNet', width=width)).eval()
    out = model(torch.rand(2, 3, 64, 32))
    assert isinstance(out, tuple) and len(out) == 1
    assert out[0].shape == (2, channels, 4, 2)
    assert model.feat_dim == channels


@pytest.mark.parametrize('width, millions', [(1.0, 2.2), (0.75, 1.3),
                                             (0.5, 0.6), (0.25, 0.2)])
def test_number_of_parameters_is_the_papers(width, millions):
    model = OSNet(width)
    embedding = nn.Linear(model.feat_dim, 512)
    count = sum(
        p.numel() for m in (model, embedding) for p in m.parameters())
    assert round(count / 1e6, 1) == millions


def test_width_is_checked():
    with pytest.raises(ValueError, match='width must be one of.*0.3'):
        OSNet(width=0.3)


def test_streams_see_three_to_nine_pixels():
    """Width of the patch of the input that one output pixel depends on."""
    block = OSBlock(64, 64).eval()
    for stream, size in (('conv2a', 3), ('conv2b', 5), ('conv2c', 7),
                         ('conv2d', 9)):
        convs = getattr(block, stream)
        for module in convs.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.constant_(module.weight, 1.)
        x = torch.ones(1, 16, 15, 15, requires_grad=True)
        convs(x)[0, 0, 7, 7].backward()
        rows = x.grad[0, 0].abs().sum(1).nonzero().flatten()
        assert len(rows) == size and rows[0] == 7 - size // 2


def test_gate_is_shared_and_weighs_channels():
    gate = AggregationGate(32)
    x = torch.randn(2, 32, 4, 3)
    weight = gate(x) / x
    torch.testing.assert_close(weight, weight[..., :1, :1].expand_as(x))
    assert weight.min() > 0 and weight.max() < 1
    names = [n for n, m in OSBlock(64, 128).named_modules()
             if isinstance(m, AggregationGate)]
    assert names == ['gate']


def test_block_by_hand():
    block = OSBlock(16, 64).eval()
    x = torch.randn(1, 16, 6, 5)
    mid = block.conv1(x)
    total = torch.zeros_like(mid)
    for name in 'abcd':
        total = total + block.gate(getattr(block, f'conv2{name}')(mid))
    expected = (block.conv3(total) + block.downsample(x)).clamp(min=0)
    torch.testing.assert_close(block(x), expected)


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    model = OSNet(0.25)
    model.init_weights()
    model(torch.randn(4, 3, 128, 64))[0].square().mean().backward()
    without = [
        n for n, p in model.named_parameters()
        if p.grad is None or not p.grad.isfinite().all()
    ]
    assert without == []
    assert all(p.grad.abs().sum() > 0 for n, p in model.named_parameters()
               if n.endswith('conv.weight'))


def test_bf16_channels_last_is_close_to_float():
    torch.manual_seed(0)
    model = OSNet(0.25).eval()
    x = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        expected = model(x)[0]
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
        torch.testing.assert_close(model(x)[0], expected, rtol=1e-4, atol=1e-5)
        with torch.autocast('cpu', torch.bfloat16):
            out = model(x)[0]
    assert out.is_contiguous(memory_format=torch.channels_last)
    error = (out.float() - expected).norm() / expected.norm()
    assert error < 0.05


def _convert(monkeypatch, src, dst):
    tool = ROOT / 'tools/model_converters/convert_weights.py'
    monkeypatch.setattr(
        sys, 'argv', [str(tool), str(src), str(dst)])
    runpy.run_path(str(tool), run_name='__main__')


def _read(path):
    image = cv2.resize(cv2.imread(str(path)), (128, 256))
    return torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)


def test_public_weights_give_their_known_result(realdata, tmp_path,
                                                monkeypatch):
    """PKU-Reid, camera 01 -> 02, from MSMT17: rank-1 0.532, mAP 0.378."""
    src = realdata / 'weights/osnet_x0_25_msmt17.pth'
    _convert(monkeypatch, src, tmp_path / 'osnet.pth')
    backbone = MODELS.build(dict(type='OSNet', width=0.25))
    neck = MODELS.build(NECK)
    model = nn.ModuleDict(dict(backbone=backbone, neck=neck)).eval()
    assert load_pretrained(model, str(tmp_path / 'osnet.pth')) == []

    paths = sorted((realdata / 'pku_reid').rglob('*.png'))
    assert len(paths) == 1184
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    features = []
    with torch.inference_mode():
        for start in range(0, len(paths), 64):
            batch = torch.stack([_read(p) for p in paths[start:start + 64]])
            batch = (batch / 255 - mean) / std
            features.append(neck(backbone(batch))[-1])
    features = torch.cat(features)
    pids = np.array([int(path.parent.name) for path in paths])
    cams = np.array([int(path.name[:2]) for path in paths])
    query, gallery = cams == 1, cams == 2
    scores = rank(QueryGallery.from_arrays(
        features[query], features[gallery], pids[query], pids[gallery],
        cams[query], cams[gallery])).summary()
    assert scores['rank-1'] == pytest.approx(0.532, abs=0.01)
    assert scores['mAP'] == pytest.approx(0.378, abs=0.01)
