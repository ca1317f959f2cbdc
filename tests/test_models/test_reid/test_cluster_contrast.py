import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.tiny_model import (
    WIDTH,
    build_model,
    clustering_of,
    encoded,
    forward,
)

LABELS = torch.tensor([0, 0, 1, 1, 4, 4, 5, 5])


def rows(num, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num, WIDTH, generator=generator))


def told(model, clustered=5):
    """A model with a memory, as MemoryHook fills it."""
    images = np.arange(8 + clustered)
    blocks = [rows(8, 1)[:3], rows(8, 1)[3:], rows(5, 2)[:clustered]]
    table = model.label_table
    model.memory.rebuild(blocks, table.labels[images], model.cameras[images],
                         table.num_classes)
    return model


def contrast(**options):
    return build_model('ClusterContrast', **dict(
        dict(id_head=None, triplet=None), **options))


def centres():
    """Means of two labelled images each, and of clusters 0 0 1 1 2."""
    means = [rows(8, 1)[i:i + 2].mean(0) for i in (0, 2, 4, 6)]
    clusters = rows(5, 2)
    return F.normalize(torch.stack(
        means + [clusters[:2].mean(0), clusters[2:4].mean(0), clusters[4]]))


def test_loss_is_a_softmax_over_all_centres():
    model = told(contrast())
    torch.testing.assert_close(model.memory.centroids, centres())
    losses = forward(model, 'loss')
    assert losses.keys() == {'loss_contrast'}
    b = encoded(model).b
    logits = F.normalize(b) @ centres().T / 0.05
    torch.testing.assert_close(losses['loss_contrast'],
                               F.cross_entropy(logits, LABELS))
    losses['loss_contrast'].backward()
    assert model.backbone.conv.weight.grad.any()


def test_identity_loss_is_that_of_labelled_images():
    model = told(build_model('ClusterContrast'))
    losses = forward(model, 'loss')
    assert losses.keys() == {'loss_id', 'loss_triplet', 'loss_contrast'}
    x, b, _ = encoded(model)
    torch.testing.assert_close(
        losses['loss_id'],
        F.cross_entropy(b[:4] @ model.id_head.weight[:4].T, LABELS[:4],
                        label_smoothing=0.1))
    torch.testing.assert_close(losses['loss_triplet'],
                               model.triplet.compute(x, LABELS))


def test_memory_follows_the_batch():
    model = told(contrast())
    forward(model, 'loss')
    f = model.last_batch[0]
    model.update_memory()
    expected = centres().clone()
    # Both images of each identity of the batch were seen.
    for row, label in enumerate((0, 1, 4, 5)):
        expected[label] = F.normalize(f[2 * row:2 * row + 2].mean(0), dim=0)
    torch.testing.assert_close(model.memory.centroids, expected)
    assert not f.requires_grad


def test_a_new_clustering_takes_the_place_of_the_old():
    model = told(told(contrast()))
    torch.testing.assert_close(model.memory.centroids, centres())


def test_before_the_first_clustering():
    model = contrast()
    model.label_table.assign({1: np.full(8, -1)})
    told(model, clustered=0)
    forward(model, 'loss', indices=(0, 1, 2, 3))['loss_contrast'].backward()
    model.on_clustering(clustering_of(
        torch.zeros(0, WIDTH), np.zeros(0, int), torch.zeros(0, WIDTH)))
    torch.testing.assert_close(model.memory.centroids, centres()[:4])


def test_without_labelled_domains():
    model = contrast()
    model.memory.rebuild([], np.zeros(0, int), np.zeros(0, int), 4)
    assert model.memory.num_classes == 4 and not model.memory.known.any()


def test_other_losses_can_be_added():
    model = told(build_model(
        'ClusterContrast', loss_weights=dict(contrast=0.5)))
    assert forward(model, 'loss').keys() == {
        'loss_contrast', 'loss_id', 'loss_triplet'}


def test_state_between_two_clusterings():
    model, other = told(contrast()), contrast()
    with pytest.raises(RuntimeError, match='holds 0 of 7 identities'):
        forward(other, 'loss')
    forward(model, 'loss')
    model.update_memory()
    other.load_state_dict(model.state_dict())
    other.load_label_state(model.label_state())
    assert torch.equal(other.memory.centroids, model.memory.centroids)
    assert torch.equal(
        forward(model.eval(), 'loss')['loss_contrast'],
        forward(other.eval(), 'loss')['loss_contrast'])
