"""Conversion beside torchvision's own networks; loading that raises."""

import copy

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn

import mmreidmix.models
from mmreidmix.compat import ensure_torchvision
from mmreidmix.models.backbones import OSNet
from mmreidmix.models.weights import (
    StrictPretrained,
    load_pretrained,
    unwrap_state_dict,
)
from mmreidmix.public_weights import convert
from mmreidmix.registry import MODELS, WEIGHT_INITIALIZERS

torchvision = ensure_torchvision()


class _Model(BaseModule):
    """A backbone with a small head that initialises itself."""

    def __init__(self, backbone, init_cfg=None):
        super().__init__(init_cfg)
        self.backbone = MODELS.build(backbone)
        self.bnneck = nn.BatchNorm1d(8)


def _randomise(model, seed=0):
    """Weights and statistics that differ from every default."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in model.state_dict().items():
        if value.is_floating_point() and value.dim() < 2:
            low = 0.5 if name.endswith(('weight', 'var')) else -0.2
            value.copy_(torch.rand(value.shape, generator=generator) + low)
    return model.eval()


def _save(tmp_path, state):
    path = str(tmp_path / 'weights.pth')
    torch.save(state, path)
    return path


def _resnet18(**kwargs):
    return dict(type='mmpretrain.ResNet', depth=18, **kwargs)


@pytest.fixture(scope='module')
def resnet18():
    torch.manual_seed(0)
    return _randomise(torchvision.models.resnet18(weights=None))


@pytest.mark.parametrize('depth', [18, 50])
def test_torchvision_outputs_are_equal_after_conversion(depth, tmp_path):
    torch.manual_seed(depth)
    source = _randomise(getattr(torchvision.models, f'resnet{depth}')())
    found = convert(source.state_dict())
    state = found.state
    assert found.dropped == ['fc.weight', 'fc.bias']
    backbone = MODELS.build(dict(type='mmpretrain.ResNet', depth=depth))
    backbone.eval()
    path = _save(tmp_path, state)
    assert load_pretrained(backbone, path, prefix='backbone') == []
    x = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        expected = nn.Sequential(*list(source.children())[:-2])(x)
        assert torch.equal(backbone(x)[-1], expected)


@pytest.fixture(scope='module')
def mobilenet_v2():
    torch.manual_seed(0)
    return _randomise(torchvision.models.mobilenet_v2(weights=None))


def test_mobilenet_v2_outputs_are_equal_after_conversion(
        mobilenet_v2, tmp_path):
    found = convert(mobilenet_v2.state_dict())
    state = found.state
    assert found.dropped == ['classifier.1.weight', 'classifier.1.bias']
    backbone = MODELS.build(dict(type='MobileNetV2'))
    backbone.eval()
    path = _save(tmp_path, state)
    assert load_pretrained(backbone, path, prefix='backbone') == []
    x = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        expected = mobilenet_v2.features(x)
        assert expected.shape == (2, 1280, 2, 1)
        torch.testing.assert_close(
            backbone(x)[-1], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize('source', ['vgg11', 'mobilenet_v3_small'])
def test_other_networks_of_torchvision_are_refused(source):
    with torch.device('meta'):
        state = getattr(torchvision.models, source)().state_dict()
    with pytest.raises(ValueError, match='of no known project|of any project'):
        convert(state)


def test_unwrap_state_dict():
    weight = torch.zeros(1)
    for checkpoint in ({'a.b': weight}, {'module.a.b': weight},
                       {'state_dict': {'module.a.b': weight}, 'epoch': 3}):
        assert unwrap_state_dict(checkpoint) == {'a.b': weight}
    mixed = {'module.a': weight, 'b': weight}
    assert unwrap_state_dict(mixed) == mixed
    with pytest.raises(ValueError, match="no tensors: 'epoch'"):
        unwrap_state_dict({'epoch': 3})


def test_missing_keys_are_refused_unless_allowed(tmp_path):
    source = _Model(_resnet18())
    state = {
        k: v
        for k, v in source.state_dict().items() if not k.startswith('bnneck')
    }
    path = _save(tmp_path, dict(state_dict=state))
    with pytest.raises(ValueError, match=r'no weights.*bnneck\.weight'):
        load_pretrained(source, path)
    with pytest.raises(ValueError, match='bnneck'):
        load_pretrained(source, path, allow_missing=['bn'])
    with pytest.raises(TypeError, match='list of names'):
        load_pretrained(source, path, allow_missing='bnneck')
    missing = load_pretrained(source, path, allow_missing=['bnneck'])
    assert set(missing) >= {'bnneck.weight', 'bnneck.running_mean'}


def test_unexpected_keys_are_refused_unless_skipped(tmp_path, resnet18):
    path = _save(tmp_path, resnet18.state_dict())
    backbone = MODELS.build(_resnet18())
    with pytest.raises(ValueError, match=r'does not have: .fc\.weight'):
        load_pretrained(backbone, path)
    assert load_pretrained(backbone, path, skip=['fc']) == []
    assert torch.equal(backbone.bn1.weight, resnet18.bn1.weight)


@pytest.mark.parametrize('prefix, problem', [
    ('backbones', 'no key starts with'),
    ('', 'none of 122 keys'),
    ('bnneck', 'none of 2 keys'),
])
def test_wrong_prefix_is_refused(prefix, problem, tmp_path, resnet18):
    state = convert(resnet18.state_dict()).state
    state.update({'bnneck.a': torch.ones(1), 'bnneck.b': torch.ones(1)})
    path = _save(tmp_path, state)
    with pytest.raises(ValueError, match=f"{problem}.*'backbone', 'bnneck'"):
        load_pretrained(MODELS.build(_resnet18()), path, prefix=prefix)


def test_other_shapes_are_refused(tmp_path):
    path = _save(tmp_path, OSNet(0.5).state_dict())
    problem = r'does not fit OSNet: .size mismatch.*\d more'
    with pytest.raises(ValueError, match=problem):
        load_pretrained(OSNet(0.25), path)


def test_skipped_part_may_have_another_shape(tmp_path):
    source, target = (_Model(_resnet18()) for _ in range(2))
    source.bnneck = nn.BatchNorm1d(9)
    path = _save(tmp_path, source.state_dict())
    with pytest.raises(ValueError, match='size mismatch for bnneck'):
        load_pretrained(target, path)
    with pytest.raises(ValueError, match='no weights.*bnneck'):
        load_pretrained(target, path, skip=['bnneck'])
    load_pretrained(target, path, skip=['bnneck'], allow_missing=['bnneck'])
    assert _equal(target.backbone, source.backbone.state_dict())


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_pretrained(OSNet(), str(tmp_path / 'none.pth'))


def test_position_embedding_of_a_vit_is_resized(tmp_path):
    cfg = dict(type='mmpretrain.VisionTransformer', arch='deit-tiny')
    source = MODELS.build(dict(cfg, img_size=(64, 64)))
    path = _save(tmp_path, source.state_dict())
    target = MODELS.build(dict(cfg, img_size=(64, 32)))
    load_pretrained(target, path)
    assert target.pos_embed.shape == (1, 1 + 4 * 2, 192)
    assert torch.equal(target.cls_token, source.cls_token)


def _equal(module, state):
    return all(
        torch.equal(value, state[key])
        for key, value in module.state_dict().items())


def test_initializer_of_the_whole_model_wins_over_the_parts(
        tmp_path, resnet18):
    state = convert(resnet18.state_dict()).state
    path = _save(tmp_path, dict(state_dict=state))
    init = dict(type='Pretrained', checkpoint=path, allow_missing=['bnneck'])
    model = _Model(_resnet18(), init)
    model.init_weights()
    assert _equal(model.backbone, resnet18.state_dict())


@pytest.mark.parametrize('zero_init_residual', [True, False])
def test_initializer_of_the_backbone(tmp_path, resnet18, zero_init_residual):
    path = _save(tmp_path, resnet18.state_dict())
    init = dict(type='Pretrained', checkpoint=path, skip=['fc'])
    model = _Model(
        _resnet18(zero_init_residual=zero_init_residual, init_cfg=init))
    model.init_weights()
    assert _equal(model.backbone, resnet18.state_dict())


def test_initializer_raises_where_mmengine_would_warn(tmp_path, resnet18):
    path = _save(tmp_path, resnet18.state_dict())
    init = dict(type='Pretrained', checkpoint=path, prefix='backbone.')
    with pytest.raises(ValueError, match='no key starts with'):
        _Model(_resnet18(init_cfg=init)).init_weights()


def test_list_that_would_zero_loaded_weights_is_refused(tmp_path, resnet18):
    path = _save(tmp_path, resnet18.state_dict())
    init = dict(type='Pretrained', checkpoint=path, skip=['fc'])
    model = _Model(_resnet18(init_cfg=[init]))
    with pytest.raises(ValueError, match='one dict, not a list'):
        model.init_weights()


def test_initializer_is_the_one_of_the_scope():
    assert WEIGHT_INITIALIZERS.get('Pretrained') is StrictPretrained
    # The registry imports `mmreidmix.models` alone.
    assert mmreidmix.models.StrictPretrained is StrictPretrained


def test_init_cfg_is_honoured(tmp_path):
    source = _randomise(OSNet(0.25), seed=3)
    path = _save(tmp_path, source.state_dict())
    init = dict(type='Pretrained', checkpoint=path)
    model = OSNet(0.25, init_cfg=copy.deepcopy(init))
    model.init_weights()
    assert _equal(model, source.state_dict())
