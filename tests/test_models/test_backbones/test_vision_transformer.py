"""Tests of mmreidmix.models.backbones.vision_transformer."""

import pytest
import torch
from mmpretrain.models import VisionTransformer as Plain

from mmreidmix.models.backbones import VisionTransformer

ARCH = dict(embed_dims=64, num_layers=2, num_heads=1,
            feedforward_channels=128)


def test_without_extras_it_is_that_of_mmpretrain():
    torch.manual_seed(0)
    model, plain = VisionTransformer((64, 32), arch=ARCH), Plain(
        ARCH, (64, 32))
    plain.load_state_dict(model.state_dict())
    images = torch.rand(2, 3, 64, 32)
    torch.testing.assert_close(model(images)[0], plain(images)[0])


@pytest.mark.parametrize('stem', [False, True])
def test_tokens(stem):
    torch.manual_seed(0)
    model = VisionTransformer((64, 32), arch=ARCH, conv_stem=stem,
                              part_tokens=3, out_type='raw')
    model.eval()
    images = torch.rand(2, 3, 64, 32)
    tokens = model(images)[0]
    assert tokens.shape == (2, 1 + 3 + 4 * 2, 64)
    with torch.no_grad():  # tokens of parts are what the first blocks see
        model.cls_token[0, 2] += 1
    assert not torch.allclose(model(images)[0], tokens)
    model.out_type = 'featmap'
    assert model(images)[0].shape == (2, 64, 4, 2)


def test_options():
    with pytest.raises(ValueError, match='part_tokens must be an integer'):
        VisionTransformer((64, 32), arch=ARCH, part_tokens=-1)
