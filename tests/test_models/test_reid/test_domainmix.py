import pytest
import torch
import torch.nn.functional as F

from mmreidmix.engine import AlternatingOptimWrapperConstructor
from tests.tiny_model import (
    WIDTH,
    batch,
    build_model,
    clustering_of,
    encoded,
    forward,
    training_batch,
)


def optimizer_of(model, **options):
    cfg = dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1), **options)
    return AlternatingOptimWrapperConstructor(cfg)(model)


def parts(model):
    """Weights of the discriminator, and of all the rest."""
    weights = {k: v.detach().clone() for k, v in model.named_parameters()}
    head = {k: v for k, v in weights.items() if k.startswith('domain_head.')}
    rest = {k: v for k, v in weights.items() if k not in head}
    return head, rest


def changed(before, after):
    return {k for k in before if not torch.equal(before[k], after[k])}


def train_step(model, optimizer, step, seed=0):
    model.phase = step
    optimizer.active = (
        'discriminator' if step == 'discriminator' else 'encoder')
    return model.train_step(batch(seed=seed), optimizer)


@pytest.mark.parametrize('step,names', [
    ('identity', {'loss_id', 'loss_triplet'}),
    ('discriminator', {'loss_discriminator'}),
    ('balance', {'loss_id', 'loss_triplet', 'loss_domain_balance'}),
    ('both', {'loss_id', 'loss_triplet', 'loss_domain_balance',
              'loss_discriminator'}),
])
def test_losses_of_each_kind_of_iteration(step, names):
    model = build_model()
    model.phase = step
    losses = forward(model, 'loss')
    assert losses.keys() == names
    assert all(torch.isfinite(value) for value in losses.values())


def test_balance_loss_is_one_minus_entropy_of_the_discriminator():
    model = build_model()
    model.phase = 'balance'
    loss = forward(model, 'loss')['loss_domain_balance']
    q = model.domain_head(encoded(model).b).softmax(1)
    torch.testing.assert_close(loss, (1 + (q * q.log()).sum(1)).mean())


def test_discriminator_step_moves_the_discriminator_alone():
    model = build_model()
    optimizer = optimizer_of(model)
    before = parts(model)
    train_step(model, optimizer, 'discriminator')
    after = parts(model)
    assert 'domain_head.layers.0.weight' in changed(before[0], after[0])
    assert not changed(before[1], after[1])


@pytest.mark.parametrize('step', ['identity', 'balance'])
def test_encoder_step_leaves_the_discriminator(step):
    model = build_model()
    optimizer = optimizer_of(model)
    before = parts(model)
    train_step(model, optimizer, step)
    after = parts(model)
    assert not changed(before[0], after[0])
    assert {'backbone.conv.weight', 'id_head.weight',
            'bnneck.bn.weight'} <= changed(before[1], after[1])
    assert all(p.grad is None for p in model.parameters())


def test_both_learn_in_one_step_by_their_own_losses():
    """The discriminator as in a step of its own, the encoder as in one."""
    model = build_model()
    model.phase = 'both'
    _, gradients = gradients_of(model)
    for phase, own in (('discriminator', True), ('balance', False)):
        model.phase = phase
        names, expected = gradients_of(model)
        rows = [i for i, name in enumerate(names)
                if name.startswith('domain_head.') == own]
        assert rows
        for i in rows:
            torch.testing.assert_close(gradients[i], expected[i], msg=names[i])


def gradients_of(model):
    """Names of parameters and gradients of the sum of their losses."""
    model.zero_grad()
    sum(forward(model, 'loss').values()).backward()
    return zip(*[(name, parameter.grad)
                 for name, parameter in model.named_parameters()
                 if parameter.requires_grad])


def test_balance_loss_reaches_the_encoder():
    model = build_model(id_head=None, triplet=None)
    optimizer = optimizer_of(model)
    before = parts(model)[1]
    logged = train_step(model, optimizer, 'balance')
    assert logged.keys() == {'loss', 'loss_domain_balance'}
    assert 'backbone.conv.weight' in changed(before, parts(model)[1])


def test_accumulated_steps_are_one_step_of_the_mean_gradient():
    """Discriminator steps in between must not drop what is gathered."""
    model = build_model()
    optimizer = optimizer_of(model, accumulative_counts=2)
    before = parts(model)
    for step, seed in (('balance', 1), ('discriminator', 2)):
        train_step(model, optimizer, step, seed)
        after = parts(model)
        assert not changed(before[0], after[0])
        assert not changed(before[1], after[1])

    expected = []
    for seed in (1, 3):
        twin = build_model()
        twin.phase = 'balance'
        data = twin.data_preprocessor(batch(seed=seed), True)
        loss, _ = twin.parse_losses(twin(**data, mode='loss'))
        expected.append(
            torch.autograd.grad(loss, twin.backbone.conv.weight)[0])
    train_step(model, optimizer, 'balance', 3)
    moved = model.backbone.conv.weight - before[1]['backbone.conv.weight']
    torch.testing.assert_close(moved, -0.1 * sum(expected) / 2)
    assert not changed(before[0], parts(model)[0])


@pytest.mark.parametrize('rule,first_cluster', [('role', 1), ('released', 0)])
def test_domain_of_the_first_cluster(rule, first_cluster):
    """Classes 0-3 are labelled, 4-6 are clusters."""
    model = build_model(domain_label=rule)
    every = training_batch(
        torch.arange(7), torch.zeros(7, WIDTH), num_labelled=4)
    assert model.roles_of(every).tolist() == [
        0, 0, 0, 0, first_cluster, 1, 1
    ]


@pytest.mark.parametrize('rule', ['role', 'released'])
def test_discriminator_loss_uses_these_domains(rule):
    model = build_model(domain_label=rule)
    model.phase = 'discriminator'
    loss = forward(model, 'loss')['loss_discriminator']
    b = encoded(model).b
    first = 1 if rule == 'role' else 0
    domains = torch.tensor([0, 0, 0, 0, first, first, 1, 1])
    torch.testing.assert_close(
        loss, F.cross_entropy(model.domain_head(b), domains))


@pytest.mark.parametrize('scale', ['unit', 'labelled', None])
def test_rows_of_pseudo_identities(scale):
    model = build_model(classifier_init=scale)
    before = model.id_head.weight.detach().clone()
    centroids = F.normalize(torch.randn(3, WIDTH))
    model.on_clustering(clustering_of(centroids, range(3), centroids))
    factor = before[:4].norm(dim=1).mean() if scale == 'labelled' else 1
    expected = before.clone()
    if scale is not None:
        expected[4:7] = centroids * factor
    torch.testing.assert_close(model.id_head.weight.detach(), expected)


def test_no_cluster_leaves_the_classifier():
    model = build_model()
    before = model.id_head.weight.detach().clone()
    model.on_clustering(clustering_of(
        torch.zeros(0, WIDTH), [], torch.zeros(0, WIDTH)))
    assert torch.equal(model.id_head.weight, before)


def test_batch_norm_of_the_discriminator_is_grouped_too():
    model = build_model(bn_group_size=4)
    assert model.domain_head.layers[1].group_size == 4
    assert model.backbone.norm.group_size == 4


@pytest.mark.parametrize('option', [
    dict(domain_label='class'), dict(classifier_init='none')
])
def test_unknown_options(option):
    name, = option
    with pytest.raises(ValueError, match=f'DomainMix: {name} must be one of'):
        build_model(**option)
