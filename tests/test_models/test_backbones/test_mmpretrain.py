"""Backbones that come from MMPretrain by config alone."""

import pytest
import torch

from mmreidmix.registry import MODELS


@pytest.mark.parametrize('cfg, shape', [
    (dict(
        type='mmpretrain.VisionTransformer',
        arch='deit-tiny',
        img_size=(256, 128),
        patch_size=16,
        out_type='cls_token'), (1, 192)),
    (dict(
        type='mmpretrain.VisionTransformer',
        arch='deit-tiny',
        img_size=(256, 128),
        patch_size=16,
        patch_cfg=dict(stride=12, padding=0),
        out_type='featmap'), (1, 192, 21, 10)),
    (dict(
        type='mmpretrain.SwinTransformer',
        arch='tiny',
        img_size=(256, 128),
        pad_small_map=True), (1, 768, 8, 4)),
])
def test_output_at_256x128(cfg, shape):
    model = MODELS.build(cfg)
    model.eval()
    with torch.no_grad():
        out = model(torch.rand(1, 3, 256, 128))
    assert isinstance(out, tuple)
    assert out[-1].shape == shape
