import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.tiny_model import (
    WIDTH,
    batch,
    build_model,
    clustering_of,
    encoded,
    forward,
)

LABELS = torch.tensor([0, 0, 1, 1, 4, 4, 5, 5])
CLUSTERED = np.arange(8, 13)  # images of the clusters 0 0 1 1 2
SIMILARITIES = dict(
    hypersphere=dict(type='HypersphereLoss', in_channels=WIDTH),
    nominal=dict(type='NominalClassLoss', in_channels=WIDTH),
    compact=dict(type='CompactnessLoss'))
TARGETS = dict(
    weighted=dict(type='ClusterWeightedLoss'),
    soft=dict(type='SoftLabelLoss'))
NAMES = {'loss_id', 'loss_triplet', 'loss_specific', 'loss_similarity',
         'loss_target', 'attention_mean', 'attention_std'}


def embeddings():
    generator = torch.Generator().manual_seed(2)
    return F.normalize(torch.randn(5, WIDTH, generator=generator))


def centroids():
    rows = embeddings()
    return F.normalize(
        torch.stack([rows[:2].sum(0), rows[2:4].sum(0), rows[4]]))


def daam(begun=True, similarity='compact', target='soft', **options):
    model = build_model(
        'DAAM',
        **dict(
            dict(
                attention=dict(
                    type='DAAMNeck', in_channels=WIDTH, reduction=2),
                specific_head=dict(type='DomainSpecificHead'),
                similarity=SIMILARITIES.get(similarity),
                target=TARGETS.get(target)), **options))
    if begun:
        model.on_clustering(clustering())
    return model


def clustering():
    return clustering_of(embeddings(), [0, 0, 1, 1, 2], centroids(),
                         camids=[2, 3, 2, 3, 2], images=CLUSTERED)


@pytest.mark.parametrize('target', TARGETS)
def test_losses_are_those_of_the_definitions(target):
    model = daam(target=target)
    losses = forward(model, 'loss')
    assert losses.keys() == NAMES
    x, b, attended = encoded(model)
    weight = model.id_head.weight
    domains = (LABELS >= 4).long()
    g = attended.specific.mean((2, 3))
    # Rows of what was told: 8, 9, 10, 11 are the first four.
    rows = torch.arange(4)
    expected = dict(
        loss_id=F.cross_entropy(
            b[:4] @ weight[:4].T, LABELS[:4], label_smoothing=0.1),
        loss_triplet=model.triplet.compute(x, LABELS),
        loss_similarity=model.similarity.compute(x, g, domains),
        loss_specific=F.cross_entropy(model.specific_head(g), domains),
        loss_target=model.target.compute(
            b[4:] @ weight[4:7].T, LABELS[4:] - 4, rows))
    for name, value in expected.items():
        torch.testing.assert_close(losses[name], value, msg=name)


def test_target_is_told_from_clusters_of_its_camera():
    """Images 8 to 12 are of cameras 2, 3, 2, 3, 2, clusters 0, 0, 1, 1, 2."""
    choice = daam().target.candidates(torch.arange(5)).int()
    assert choice.tolist() == [[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 0],
                               [1, 1, 1]]


def test_order_of_the_batch_does_not_matter():
    order = (11, 0, 9, 2, 8, 1, 10, 3)
    model = daam(target='weighted')
    data = batch(order)
    images = dict(zip((0, 1, 2, 3, 8, 9, 10, 11), batch()['inputs']))
    data['inputs'] = [images[i] for i in order]
    mixed = model(**model.data_preprocessor(data, True), mode='loss')
    for name, value in forward(daam(target='weighted'), 'loss').items():
        torch.testing.assert_close(mixed[name], value, msg=name)


def test_target_classifier_begins_as_the_centres():
    model = daam(begun=False)
    before = model.id_head.weight.detach().clone()
    model.on_clustering(clustering())
    scale = before[:4].norm(dim=1).mean()
    torch.testing.assert_close(model.id_head.weight[4:7].detach(),
                               centroids() * scale)
    assert torch.equal(model.id_head.weight[:4], before[:4])


@pytest.mark.parametrize('left_out,names', [
    (dict(similarity=None), {'loss_similarity'}),
    (dict(target=None), {'loss_target'}),
    (dict(specific_head=None), {'loss_specific'}),
    (dict(triplet=None), {'loss_triplet'}),
    (dict(attention=None, specific_head=None, similarity=None),
     {'loss_specific', 'loss_similarity', 'attention_mean',
      'attention_std'}),
    (dict(id_head=None, target=None), {'loss_id', 'loss_target'}),
])
def test_each_loss_can_be_left_out(left_out, names):
    assert forward(daam(**left_out), 'loss').keys() == NAMES - names


@pytest.mark.parametrize('similarity', SIMILARITIES)
@pytest.mark.parametrize('target', TARGETS)
def test_every_combination_trains_all_parts(similarity, target):
    model = daam(similarity=similarity, target=target)
    total, _ = model.parse_losses(forward(model, 'loss'))
    total.backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
    for part in ('backbone.conv.weight', 'attention.channel.2.weight',
                 'specific_head.classifier.weight'):
        assert model.get_parameter(part).grad.any(), part


@pytest.mark.parametrize('similarity', SIMILARITIES)
def test_source_only_phase(similarity):
    """No cluster was ever found, and none is in the batch."""
    model = daam(begun=False, similarity=similarity)
    model.label_table.assign({1: np.full(8, -1)})
    losses = forward(model, 'loss', indices=(0, 1, 2, 3))
    assert losses.keys() == NAMES - {'loss_target'}
    assert losses['loss_specific'] == losses['loss_similarity'] == 0
    model.parse_losses(losses)[0].backward()
    assert all(p.grad is not None for p in model.parameters()
               if p.requires_grad)


@pytest.mark.parametrize('indices,zero', [
    ((0, 1, 2, 3), {'loss_target', 'loss_specific', 'loss_similarity'}),
    ((8, 9, 10, 11), {'loss_id', 'loss_specific', 'loss_similarity'}),
])
def test_batch_of_one_domain(indices, zero):
    losses = forward(daam(), 'loss', indices=indices)
    assert losses.keys() == NAMES
    for name in NAMES:
        assert (losses[name] == 0) == (name in zero), name
    sum(losses.values()).backward()


def test_state_between_two_clusterings():
    model, other = daam(), daam(begun=False)
    assert other.label_state() == {}
    with pytest.raises(RuntimeError, match='knows no clustering'):
        forward(other, 'loss')
    other.load_state_dict(model.state_dict())
    other.load_label_state(model.label_state())
    first, second = forward(model, 'loss'), forward(other, 'loss')
    assert all(torch.equal(first[name], second[name]) for name in NAMES)


def test_weights_of_its_losses():
    plain = forward(daam(), 'loss')
    weighted = forward(
        daam(loss_weights=dict(similarity=0.1, specific=0.2, target=3.0)),
        'loss')
    for name, factor in dict(
            similarity=0.1, specific=0.2, target=3.0, id=1).items():
        torch.testing.assert_close(weighted[f'loss_{name}'],
                                   factor * plain[f'loss_{name}'])


@pytest.mark.parametrize('options,message', [
    (dict(attention=None, specific_head=None), 'similarity needs attention'),
    (dict(id_head=None), 'target needs id_head'),
    (dict(classifier_init='none'), 'DAAM: classifier_init must be one of'),
])
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        daam(begun=False, **options)
