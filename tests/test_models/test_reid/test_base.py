"""What all methods share: parts, losses by config, momentum and memory."""

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmreidmix.models import BaseReID
from mmreidmix.registry import MODELS
from tests.test_models.test_reid.test_remix import remix, two_views
from tests.tiny_model import WIDTH, batch, build_model, forward

METHODS = ('ReIDBaseline', 'DomainMix', 'DAAM', 'ClusterContrast', 'ReMix')


@MODELS.register_module(force=True)
class SpreadOfBatch(nn.Module):
    """Mean squared distance of f from the mean of its identity."""

    def __init__(self, in_channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(in_channels))

    def forward(self, batch):
        f = batch.f * self.scale
        means = torch.stack([f[batch.labels == k].mean(0)
                             for k in batch.labels])
        return (f - means).square().sum(1).mean()


SPREAD = dict(spread=dict(type='SpreadOfBatch', weight=0.25))


def with_memory(model):
    known = model.label_table.labels >= 0
    rows = F.normalize(torch.randn(16, WIDTH))[torch.from_numpy(known)]
    model.memory.rebuild([rows], model.label_table.labels[known],
                         model.cameras[known], 7)
    return model


def losses_of(model):
    if isinstance(model, MODELS.get('ReMix')):
        return model(**model.data_preprocessor(two_views(), True),
                     mode='loss')
    return forward(model, 'loss')


def method(kind, **options):
    if kind == 'ReMix':
        return remix(**options)
    model = build_model(kind, **options)
    return with_memory(model) if model.memory is not None else model


@pytest.mark.parametrize('kind', METHODS)
def test_a_loss_is_added_to_any_method_by_config(kind):
    torch.manual_seed(0)
    plain = losses_of(method(kind))
    model = method(kind, losses=SPREAD)
    losses = losses_of(model)
    assert losses.keys() - plain.keys() == {'loss_spread'}
    for name, value in plain.items():
        torch.testing.assert_close(losses[name], value)
    total, logged = model.parse_losses(losses)
    assert 'loss_spread' in logged
    total.backward()
    assert model.losses.spread.scale.grad.any()
    model.set_loss_weights(dict(spread=0.5))
    torch.testing.assert_close(losses_of(model)['loss_spread'],
                               2 * losses['loss_spread'])


def test_an_added_loss_has_a_name_of_its_own():
    with pytest.raises(ValueError, match="has a loss 'triplet' of its own"):
        build_model(losses=dict(triplet=dict(type='SpreadOfBatch')))


@pytest.mark.parametrize('value, kind', [
    (torch.zeros(8), r'a tensor of shape \(8,\)'),
    (0.0, 'a float'),
    (None, 'a NoneType'),
])
def test_an_added_loss_is_a_scalar(value, kind):

    @MODELS.register_module(force=True)
    class OtherLoss(nn.Module):

        def forward(self, batch):
            return value

    model = build_model(
        'ReIDBaseline', losses=dict(other=dict(type='OtherLoss')))
    with pytest.raises(TypeError, match=f'losses.other: OtherLoss .*{kind}'):
        forward(model, 'loss')


@pytest.mark.parametrize('losses, message', [
    ([dict(type='SpreadOfBatch')], 'configs by name'),
    (dict(spread='SpreadOfBatch'), 'configs by name'),
    (dict(spread=dict(type='SpreadOfBatch', weight='0.5')),
     "weight of loss 'spread' must be a number, got '0.5'"),
])
def test_losses_that_are_no_configs(losses, message):
    with pytest.raises(TypeError, match=message):
        build_model('ReIDBaseline', losses=losses)


def test_a_loss_of_a_base_config_is_left_out():
    model = build_model('ReIDBaseline', losses=dict(SPREAD, spread=None))
    assert not model.losses and 'loss_spread' not in forward(model, 'loss')


def test_a_name_that_is_not_registered():
    with pytest.raises(ValueError, match=(
            "losses.mine: no class 'TripletLos' is registered. Is '.*Loss' "
            'meant?.*custom_imports')):
        build_model('ReIDBaseline', losses=dict(
            mine=dict(type='TripletLos')))


def test_parts_of_a_batch_have_no_keys():
    model = remix()
    unpacked = model.unpack(
        **model.data_preprocessor(two_views(), True))
    assert len(unpacked.keys.labels) == len(unpacked)
    with pytest.raises(RuntimeError, match='take those of the whole batch'):
        _ = unpacked.labelled().keys


def test_an_added_loss_keeps_its_own_negatives():

    @MODELS.register_module(force=True)
    class NumNegativesLoss(nn.Module):

        def __init__(self, negatives=50):
            super().__init__()
            self.negatives = negatives

    model = remix(
        negatives='video', losses=dict(mine=dict(type='NumNegativesLoss')))
    assert model.losses.mine.negatives == 50
    assert model.instance.negatives == 'video'


def test_a_library_loss_can_be_added():
    """Contrast with centres for DomainMix, which has no memory otherwise."""
    options = dict(
        memory=dict(type='CentroidsMemory'),
        losses=dict(contrast=dict(type='CentroidsLoss', weight=0.1)))
    losses = losses_of(method('DomainMix', **options))
    assert losses['loss_contrast'] > 0
    del options['memory']
    with pytest.raises(RuntimeError, match='set model.memory, .*Centroids'):
        losses_of(method('DomainMix', **options))


def test_a_memory_that_was_not_filled():
    model = build_model('ClusterContrast')
    with pytest.raises(RuntimeError, match="holds 0 of 7 .*'MemoryHook'"):
        forward(model, 'loss')


def test_a_part_without_a_type_changes_options_of_the_default():
    memory = build_model('ClusterContrast', memory=dict(follow=False)).memory
    assert not memory.follow
    assert not memory.per_camera  # as the method has it
    with pytest.raises(ValueError, match='model.triplet needs `type`'):
        build_model('ClusterContrast', triplet=dict(margin=0.3))


def test_a_memory_that_follows_in_another_way():

    @MODELS.register_module(force=True)
    class LatestMemory(MODELS.get('CentroidsMemory')):

        def blend(self, rows, new, found):
            return new

    model = method('ClusterContrast', memory=dict(
        type='LatestMemory', per_camera=False))
    model.memory.update(
        torch.eye(WIDTH)[:2], torch.tensor([1, 5]), torch.tensor([0, 2]))
    torch.testing.assert_close(model.memory.centroids[[1, 5]],
                               torch.eye(WIDTH)[:2])


def test_unknown_parts_are_refused():
    with pytest.raises(TypeError, match=r"no part or option \['id_heed'\]"):
        build_model(id_heed=dict(type='IdentityHead'))
    with pytest.raises(TypeError, match="'loss_weights', 'losses', 'memory'"):
        build_model(lossses={})


def test_a_part_that_is_missing_is_named():
    with pytest.raises(TypeError, match="needs the part 'domain_head'"):
        MODELS.build(dict(
            type='DomainMix', backbone=build_cfg()['backbone'],
            neck=dict(type='mmpretrain.GlobalAveragePooling'),
            bnneck=dict(type='BNNeck')))


def build_cfg():
    from tests.tiny_model import TinyBackbone
    return dict(backbone=dict(type=TinyBackbone))


def test_the_base_is_no_method():
    with pytest.raises(TypeError, match='abstract'):
        BaseReID(**build_cfg(), neck=[], bnneck=dict(type='BNNeck'))


MOMENTUM = dict(momentum_encoder=dict(type='MomentumEncoder', momentum=0.5))


def test_any_method_can_have_a_momentum_encoder():
    model = build_model('DomainMix', **MOMENTUM)
    with torch.no_grad():
        model.momentum_encoder.backbone.conv.weight.mul_(-1)
    inputs = model.eval().data_preprocessor(batch())['inputs']
    slow = model.embed(inputs, model.momentum_encoder)
    assert model.label_encoder is model.momentum_encoder
    torch.testing.assert_close(model(inputs), slow)
    assert not torch.allclose(model.embed(inputs, model), slow)
    # One view: the losses see the encoder alone.
    assert losses_of(model.train()).keys() == {'loss_id', 'loss_triplet'}


def test_two_views_need_a_momentum_encoder():
    model = build_model('ReIDBaseline')
    data = model.data_preprocessor(two_views(), True)
    with pytest.raises(ValueError, match='no momentum encoder'):
        model(**data, mode='loss')
    model = build_model('ReIDBaseline', **MOMENTUM)
    assert model.unpack(**data).momentum.shape == (8, WIDTH)


def test_the_memory_hears_of_each_batch():
    model = method('ClusterContrast')
    losses_of(model)
    embeddings, labels, _ = model.last_batch
    assert embeddings.shape == (8, WIDTH) and not embeddings.requires_grad
    assert labels.tolist() == [0, 0, 1, 1, 4, 4, 5, 5]
    assert build_model('ReIDBaseline').last_batch == ()


class Mixture:
    """What attach asks of a mixture."""

    def __init__(self, model):
        self.label_table = model.label_table

    def unique_camids(self):
        return np.arange(16)


def test_attach():
    model = build_model()
    mixture = Mixture(model)
    model.label_table = None
    model.attach(mixture)
    assert model.label_table is mixture.label_table
    assert model.cameras.tolist() == list(range(16))
    small = build_model(id_head=dict(
        type='IdentityHead', in_channels=WIDTH, max_classes=5))
    with pytest.raises(ValueError, match='max_classes to at least 7'):
        small.attach(mixture)


def test_identity_weights():
    model = build_model()
    weight, = model.identity_weights()
    assert weight is model.id_head.weight
    assert build_model(id_head=None).identity_weights() == []
