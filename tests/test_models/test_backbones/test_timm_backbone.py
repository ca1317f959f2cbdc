"""Tests of mmreidmix.models.backbones.timm_backbone."""

import inspect
import sys

import pytest
import torch

from mmreidmix.apis.checkpoint_config import check_types
from mmreidmix.models.backbones import TimmBackbone
from mmreidmix.registry import MODELS


def test_timm_may_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ModuleNotFoundError, match="'resnet18' needs the pack"):
        TimmBackbone('resnet18')


def test_only_a_name_and_a_size_reach_timm():
    """A config may come from outside, with a checkpoint."""
    assert set(inspect.signature(TimmBackbone).parameters) == {
        'model_name', 'img_size', 'init_cfg'}
    cfg = dict(type='TimmBackbone', model_name='resnet18')
    check_types(cfg, MODELS, 'x.pth')
    for option in ('checkpoint_path', 'pretrained', 'pretrained_cfg',
                   'cache_dir'):
        with pytest.raises(ValueError, match=f'no option .*{option}'):
            MODELS.build({**cfg, option: 'a'})


@pytest.mark.parametrize('name', [
    'hf-hub:timm/resnet18', 'hf_hub:timm/resnet18', 'local-dir:model', '',
    '/resnet18', 'resnet18.a1_in1k', 'resnet18.hf-hub:timm/resnet18', 5])
def test_names_that_lead_elsewhere(name):
    pytest.importorskip('timm')
    with pytest.raises(ValueError, match='has no network'):
        TimmBackbone(name)


def test_vectors_are_those_of_timm():
    timm = pytest.importorskip('timm')
    torch.manual_seed(0)
    images = torch.rand(2, 3, 64, 32)
    model = TimmBackbone('vit_tiny_patch16_224', img_size=[64, 32]).eval()
    assert model.img_size == (64, 32)
    source = timm.create_model(
        'vit_tiny_patch16_224', img_size=(64, 32), num_classes=0).eval()
    source.load_state_dict(model.model.state_dict())
    vectors, = model(images)
    assert vectors.shape == (2, 192)
    torch.testing.assert_close(vectors, source(images))


def test_a_size_that_is_not_taken():
    pytest.importorskip('timm')
    with pytest.raises(ValueError, match='resnet18 can not be built with img'):
        TimmBackbone('resnet18', img_size=(64, 32))
    assert TimmBackbone('resnet18').img_size == (224, 224)
