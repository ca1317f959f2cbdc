"""Attention and the domain-specific branch in every algorithm."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import mmreidmix.models.necks.daam_neck as neck_module
from mmreidmix.engine import (
    AlternatingOptimWrapperConstructor,
    Bf16OptimWrapper,
)
from mmreidmix.models.encoder import encode
from tests.test_models.test_reid.test_remix import remix, two_views
from tests.tiny_model import WIDTH, batch, build_model, encoded, forward

ATTENTION = dict(type='DAAMNeck', in_channels=WIDTH, reduction=2)
BRANCH = dict(
    attention=ATTENTION, specific_head=dict(type='DomainSpecificHead'))
PLAIN = {'loss_id', 'loss_triplet'}
NEW = {'loss_specific', 'attention_mean', 'attention_std'}


def inputs_of(model):
    return model.data_preprocessor(batch())['inputs']


def test_losses_of_the_baseline_with_both_branches():
    model = build_model('ReIDBaseline', **BRANCH)
    losses = forward(model, 'loss')
    assert losses.keys() == PLAIN | NEW
    last = encoded(model).attended
    torch.testing.assert_close(
        losses['loss_specific'],
        F.cross_entropy(
            model.specific_head(last.specific.mean((2, 3))),
            torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])))
    attention = last.spatial * last.channel
    torch.testing.assert_close(losses['attention_mean'], attention.mean())


def test_embeddings_come_from_the_shared_map():
    model = build_model('ReIDBaseline', **BRANCH).eval()
    embeddings = forward(model, 'tensor')
    features = model.backbone(inputs_of(model))[-1]
    x = model.attention(features).mean((2, 3))
    torch.testing.assert_close(embeddings, F.normalize(model.bnneck(x)))
    torch.testing.assert_close(encoded(model).attended.features, features)


def test_statistics_are_logged_but_not_summed_up():
    model = build_model('ReIDBaseline', **BRANCH)
    losses = forward(model, 'loss')
    total, logged = model.parse_losses(losses)
    torch.testing.assert_close(
        total, sum(v for k, v in losses.items() if k.startswith('loss_')))
    assert logged.keys() == PLAIN | NEW | {'loss'}
    assert logged['attention_mean'] == pytest.approx(0.5, abs=0.05)


def test_collapse_is_said_in_training(monkeypatch):
    said = []
    monkeypatch.setattr(neck_module, 'print_log',
                        lambda message, **kwargs: said.append(message))
    model = build_model('ReIDBaseline', **BRANCH)
    optimizer = Bf16OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    model.train_step(batch(), optimizer)
    assert not said
    with torch.no_grad():
        model.attention.channel[-1].bias.fill_(-20)
    for _ in range(2):
        model.train_step(batch(), optimizer)
    assert len(said) == 1 and said[0].startswith('attention has collapsed')


def test_one_domain_in_the_batch():
    model = build_model('ReIDBaseline', **BRANCH)
    losses = forward(model, 'loss', indices=(0, 1, 2, 3))
    assert losses['loss_specific'] == 0
    model.parse_losses(losses)[0].backward()
    assert all(p.grad is not None for p in model.parameters()
               if p.requires_grad)


def test_weight_of_the_specific_loss():
    losses = [
        forward(build_model('ReIDBaseline', loss_weights=weights, **BRANCH),
                'loss') for weights in (None, dict(specific=0.1))
    ]
    torch.testing.assert_close(losses[1]['loss_specific'],
                               0.1 * losses[0]['loss_specific'])
    assert losses[0]['attention_mean'] == losses[1]['attention_mean']


def test_specific_head_needs_attention():
    with pytest.raises(ValueError, match='set model.attention = dict'):
        build_model('DomainMix', specific_head=BRANCH['specific_head'])


def test_unknown_stage():
    with pytest.raises(ValueError, match="after='layer3' is no submodule"):
        build_model('ReIDBaseline', attention=dict(ATTENTION, after='layer3'))


def test_attention_behind_a_part_of_the_backbone():
    model = build_model('ReIDBaseline', attention=dict(ATTENTION,
                                                       after='conv'))
    x, _, attended = encoded(model)
    shared = attended.shared
    expected = model.backbone.norm(shared).relu().mean((2, 3))
    torch.testing.assert_close(x, expected)
    assert not any('attention' in key for key in model.backbone.state_dict())


def test_batch_norm_of_the_branches_is_grouped():
    model = build_model('ReIDBaseline', bn_group_size=4, **BRANCH)
    assert model.attention.spatial[1].group_size == 4
    assert model.specific_head.bn.group_size == 4


def test_deep_copies_in_training_are_independent():
    model = build_model('ReIDBaseline', **BRANCH)
    forward(model, 'loss')
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.attention.parameters():
            parameter.fill_(3)
    assert not torch.allclose(
        encoded(other).x, encoded(model).x)
    assert model.attention.spatial_out.weight.item() == pytest.approx(0.1)


def test_weights_of_plain_models_load_as_before():
    plain = build_model('ReIDBaseline')
    with torch.no_grad():
        plain.backbone.conv.weight.fill_(2)
    state = plain.state_dict()
    build_model('ReIDBaseline').load_state_dict(state)  # strict
    model = build_model('ReIDBaseline', **BRANCH)
    found = model.load_state_dict(state, strict=False)
    assert not found.unexpected_keys
    assert {key.split('.')[0] for key in found.missing_keys
            } == {'attention', 'specific_head'}
    assert (model.backbone.conv.weight == 2).all()


@pytest.mark.parametrize('step', ['identity', 'discriminator', 'balance'])
def test_domainmix_takes_a_step(step):
    model = build_model('DomainMix', **BRANCH)
    optimizer = AlternatingOptimWrapperConstructor(
        dict(type='OptimWrapper',
             optimizer=dict(type='SGD', lr=0.1)))(model)
    model.phase = step
    optimizer.active = (
        'discriminator' if step == 'discriminator' else 'encoder')
    before = {k: v.clone() for k, v in model.named_parameters()}
    logged = model.train_step(batch(), optimizer)
    moved = {k.split('.')[0] for k, v in model.named_parameters()
             if not torch.equal(v, before[k])}
    if step == 'discriminator':
        assert moved == {'domain_head'}
        assert NEW.isdisjoint(logged)
        return
    assert logged.keys() > NEW
    assert {'attention', 'specific_head', 'backbone'} <= moved
    assert 'domain_head' not in moved


def test_discriminator_quirk_leaves_the_specific_head():
    """It says labelled of the first cluster, to the discriminator alone."""
    losses = [
        forward(build_model('DomainMix', domain_label=rule, **BRANCH),
                'loss')['loss_specific'] for rule in ('role', 'released')
    ]
    assert losses[0] == losses[1]


def test_remix_takes_a_step_and_its_momentum_encoder_attends_too():
    model = remix(**BRANCH)
    with torch.no_grad():
        model.momentum_encoder.attention.channel[-1].bias.fill_(-2)
    optimizer = Bf16OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    before = model.attention.channel[-1].bias.detach().clone()
    logged = model.train_step(two_views(), optimizer)
    assert logged.keys() > NEW
    # The statistics are those of the encoder.
    assert logged['attention_mean'] == pytest.approx(0.5, abs=0.05)
    slow = encode(model.momentum_encoder, inputs_of(model))
    assert slow.attended.channel.max() < 0.2
    assert not torch.equal(model.attention.channel[-1].bias, before)
    slow = model.momentum_encoder.attention.channel[-1].bias
    assert (slow == -2).all()
    model.momentum_encoder.update(model)
    assert (slow != -2).all()


def test_remix_loads_weights_without_a_momentum_encoder():
    other = build_model('ReIDBaseline', attention=ATTENTION, id_head=None)
    with torch.no_grad():
        other.attention.channel[-1].bias.fill_(5)
    model = remix(attention=ATTENTION)
    model.load_state_dict(other.state_dict())
    assert (model.momentum_encoder.attention.channel[-1].bias == 5).all()


def test_plain_remix_has_no_attention():
    model = remix()
    assert model.momentum_encoder.attention is None
    assert not any('attention' in key for key in model.state_dict())
    assert np.isfinite(
        float(sum(model(**model.data_preprocessor(two_views(), True),
                        mode='loss').values())))
