import pytest
import torch

from mmreidmix.models import BNNeck, DomainBalanceHead, IdentityHead
from tests.tiny_model import clustering_of, training_batch


def test_identity_head_uses_the_first_classes_only():
    head = IdentityHead(in_channels=3, max_classes=7)
    features = torch.randn(2, 3)
    assert head(features, 4).shape == (2, 4)
    assert torch.equal(head(features, 4), features @ head.weight[:4].T)
    loss = head.loss(
        training_batch(torch.tensor([0, 3]), features, num_classes=4))
    loss.backward()
    assert (head.weight.grad[4:] == 0).all()
    assert (head.weight.grad[:4] != 0).any()


def test_identity_head_rows_are_overwritten():
    head = IdentityHead(in_channels=2, max_classes=4)
    before = head.weight.detach().clone()
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    head.write_centroids(clustering_of(rows, [0, 1], rows, first=1), 'unit')
    assert head.weight[1:3].tolist() == [[1, 2], [3, 4]]
    assert torch.equal(head.weight[[0, 3]], before[[0, 3]])


def test_identity_head_says_how_much_room_is_needed():
    head = IdentityHead(in_channels=2, max_classes=4)
    with pytest.raises(ValueError, match='max_classes to at least 6'):
        head.write_centroids(
            clustering_of(torch.zeros(3, 2), range(3), torch.zeros(3, 2),
                          first=3), 'unit')


def test_discriminator_gives_no_gradient_to_the_encoder():
    head = DomainBalanceHead(in_channels=4, hidden_channels=(8, ))
    features = torch.randn(6, 4, requires_grad=True)
    domains = torch.tensor([0, 0, 0, 1, 1, 1])
    head.loss_discriminator(features, domains).backward()
    assert features.grad is None
    assert head.layers[0].weight.grad.abs().sum() > 0
    head.loss_balance(features).backward()
    assert features.grad.abs().sum() > 0


def test_discriminator_temperature():
    torch.manual_seed(0)
    head = DomainBalanceHead(4, hidden_channels=(), temperature=2.0)
    features, domains = torch.randn(5, 4), torch.tensor([0, 1, 0, 1, 1])
    expected = torch.nn.functional.cross_entropy(
        head(features) / 2, domains)
    assert torch.equal(head.loss_discriminator(features, domains), expected)


def test_discriminator_layers_are_the_released_ones():
    head = DomainBalanceHead(in_channels=2048)
    shapes = [tuple(m.weight.shape) for m in head.layers
              if isinstance(m, torch.nn.Linear)]
    assert shapes == [(1024, 2048), (512, 1024), (256, 512), (2, 256)]


def test_bnneck_shift_is_frozen():
    neck = BNNeck(4)
    assert not neck.bn.bias.requires_grad
    assert neck.bn.weight.requires_grad


def test_cosine_head_knows_directions_alone():
    head = IdentityHead(in_channels=3, max_classes=5, temperature=0.5)
    features = torch.randn(4, 3)
    expected = torch.nn.functional.cosine_similarity(
        features[:, None], head.weight[None, :2], dim=2)
    torch.testing.assert_close(head(features, 2), expected / 0.5)
    torch.testing.assert_close(head(7 * features, 2), head(features, 2))
