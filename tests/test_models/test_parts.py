"""Parts from their configs, with the widths filled in."""

import pytest
import torch

from mmreidmix.models.parts import Widths, build_neck, build_part
from mmreidmix.registry import MODELS
from tests.tiny_model import WIDTH, TinyBackbone, build_model

POOL = dict(type='mmpretrain.GlobalAveragePooling')
BACKBONES = [
    (dict(type='mmpretrain.ResNet', depth=18, base_channels=8,
          stem_channels=8), POOL, 64, 64),
    (dict(type='OSNet', width=0.25),
     dict(type='mmpretrain.LinearNeck', in_channels=128, out_channels=20,
          gap_dim=2), 20, 128),
    (dict(type='mmpretrain.VisionTransformer', arch='deit-tiny',
          img_size=(64, 32), out_type='cls_token'), [], 192, None),
    (dict(type='mmpretrain.MobileNetV2', widen_factor=0.25), POOL, 1280,
     1280),
]


@pytest.mark.parametrize('backbone, neck, embedding, channels', BACKBONES,
                         ids=lambda value: str(value)[:30])
def test_widths_are_found(backbone, neck, embedding, channels):
    widths = Widths(MODELS.build(backbone), build_neck(neck))
    widths.backbone.train()
    before = {k: v.clone() for k, v in widths.backbone.state_dict().items()}
    state = torch.get_rng_state()
    assert widths.embedding() == embedding
    if channels is not None:
        assert widths.map() == channels
    # Nothing has changed by looking.
    assert torch.equal(torch.get_rng_state(), state)
    assert widths.backbone.training
    for key, value in widths.backbone.state_dict().items():
        assert torch.equal(value, before[key])


def test_width_behind_a_stage():
    widths = Widths(MODELS.build(BACKBONES[0][0]), build_neck(POOL))
    assert [widths.map(f'layer{i}') for i in range(1, 5)] == [8, 16, 32, 64]


def test_a_backbone_that_can_not_be_run():
    class Broken(TinyBackbone):

        def forward(self, x):
            raise RuntimeError('too small')

    widths = Widths(Broken(), build_neck(POOL))
    with pytest.raises(ValueError, match='set `in_channels` .*too small'):
        widths.embedding()


def test_a_neck_that_does_not_fit():
    neck = build_neck(dict(
        type='mmpretrain.LinearNeck', in_channels=320, out_channels=9))
    widths = Widths(MODELS.build(BACKBONES[0][0]), neck)
    with pytest.raises(ValueError, match=(
            r'model\.neck does not fit ResNet, which gives \(1, 64, 2, 1\)')):
        widths.embedding()
    assert widths.map() == 64


def test_a_network_that_needs_a_larger_image():
    class Deep(TinyBackbone):

        def forward(self, x):
            assert x.shape[2] > 64, 'too small'
            return super().forward(x)

    assert Widths(Deep(), build_neck(POOL)).embedding() == WIDTH


def test_a_network_that_has_pooled_already():
    backbone = dict(type='mmpretrain.ConvNeXt', arch='atto')
    with pytest.raises(ValueError, match=r'ConvNeXt, which gives \(1, 320\)'):
        Widths(MODELS.build(backbone), build_neck(POOL)).embedding()
    assert Widths(MODELS.build(backbone), build_neck([])).embedding() == 320


def test_a_wrong_width_is_named():
    cfg = dict(type='BNNeck', in_channels=320)
    with pytest.raises(ValueError, match=(
            r'model\.bnneck\.in_channels is 320, but 1024 channels come in')):
        build_part('bnneck', cfg, dict(in_channels=lambda: 1024))

    def unknown():
        raise ValueError('can not be found')

    part = build_part('bnneck', cfg, dict(in_channels=unknown))
    assert part.bn.num_features == 320
    with pytest.raises(ValueError, match='model.id_head.in_channels is 7'):
        build_model('ReIDBaseline', id_head=dict(
            type='IdentityHead', in_channels=7, max_classes=9))


def test_only_options_that_a_part_has_are_filled_in():
    part = build_part(
        'triplet', dict(type='BatchHardTripletLoss'),
        dict(in_channels=lambda: 3))
    assert part.margin is None
    assert build_part('triplet', None, dict(in_channels=lambda: 3)) is None


def test_a_part_without_a_type():
    with pytest.raises(ValueError, match='model.bnneck needs `type`'):
        build_part('bnneck', dict(in_channels=3))


@pytest.mark.parametrize('kind, options', [
    ('ReIDBaseline', {}),
    ('DomainMix', dict(domain_head=dict(type='DomainBalanceHead',
                                        hidden_channels=(5, )))),
    ('DAAM', dict(similarity=dict(type='NominalClassLoss'))),
])
@pytest.mark.parametrize('after', [None, 'conv'])
def test_models_need_no_widths(kind, options, after):
    options = dict(
        options,
        bnneck=dict(type='BNNeck'),
        id_head=dict(type='IdentityHead', max_classes=9),
        attention=dict(type='DAAMNeck', after=after),
        specific_head=dict(type='DomainSpecificHead'))
    model = build_model(kind, **options)
    assert model.bnneck.bn.num_features == WIDTH
    assert model.id_head.weight.shape == (9, WIDTH)
    assert model.attention.in_channels == WIDTH
    assert model.specific_head.bn.num_features == WIDTH
