import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmreidmix.models import (
    BatchHardTripletLoss,
    DomainBalanceLoss,
    IdentityLoss,
)
from tests.tiny_model import training_batch


def test_identity_loss_by_hand():
    logits = torch.tensor([[2.0, 0.0, -2.0]])
    label = torch.tensor([0])
    # softmax of (1, 0, -1)
    log_sum = math.log(math.e + 1 + 1 / math.e)
    log_p = [1 - log_sum, -log_sum, -1 - log_sum]
    target = [0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3]
    expected = -sum(t * lp for t, lp in zip(target, log_p))
    loss = IdentityLoss(label_smoothing=0.1, temperature=2.0)(logits, label)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize('probability,expected', [
    (0.5, 0.306853),
    (0.6, 0.326988),
    (0.8, 0.499598),
    (0.9, 0.674917),
    (0.99, 0.943998),
])
def test_domain_balance_loss_published_values(probability, expected):
    logit = math.log(probability / (1 - probability))
    loss = DomainBalanceLoss()(torch.tensor([[logit, 0.0], [0.0, logit]]))
    assert loss.item() == pytest.approx(expected, abs=2e-6)


def test_domain_balance_loss_at_its_limits():
    logits = torch.tensor([[300.0, 0.0]], requires_grad=True)
    loss = DomainBalanceLoss()(logits)
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert torch.isfinite(logits.grad).all()


def test_domain_balance_gradient_points_to_the_balance():
    logits = torch.tensor([[1.0, -1.0]], requires_grad=True)
    DomainBalanceLoss()(logits).backward()
    assert logits.grad[0, 0] > 0 > logits.grad[0, 1]


def points():
    # On a line: identity 0 at 0 and 3, identity 1 at 4 and 10.
    return torch.tensor([[0.0], [3.0], [4.0], [10.0]]), torch.tensor(
        [0, 0, 1, 1])


def test_triplet_by_hand():
    features, labels = points()
    # d_ap, d_an: (3, 4), (3, 1), (6, 1), (6, 7)
    gaps = np.array([-1.0, 2.0, 5.0, -1.0])
    soft = BatchHardTripletLoss().compute(features, labels).item()
    assert soft == pytest.approx(np.log1p(np.exp(gaps)).mean(), rel=1e-5)
    margin = BatchHardTripletLoss(margin=0.3).compute(
        features, labels).item()
    assert margin == pytest.approx(np.maximum(gaps + 0.3, 0).mean(), rel=1e-5)


def test_triplet_without_a_negative():
    features = torch.randn(4, 3, requires_grad=True)
    loss = BatchHardTripletLoss(0.3).compute(features, torch.zeros(4).long())
    loss.backward()
    assert loss.item() == 0
    assert (features.grad == 0).all()


def test_triplet_has_finite_gradients_for_equal_images():
    features = torch.ones(4, 3, requires_grad=True)
    BatchHardTripletLoss().compute(
        features, torch.tensor([0, 0, 1, 1])).backward()
    assert torch.isfinite(features.grad).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 5), st.integers(1, 4))
def test_triplet_against_loops(seed, num_ids, per_id):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num_ids * per_id, 4))
    y = np.repeat(np.arange(num_ids), per_id)
    losses = []
    for i in range(len(x)):
        distance = np.sqrt(np.maximum(((x - x[i])**2).sum(1), 1e-12))
        gap = distance[y == y[i]].max() - distance[y != y[i]].min()
        losses.append(np.log1p(np.exp(gap)))
    loss = BatchHardTripletLoss().compute(torch.tensor(x), torch.tensor(y))
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-6)


def test_triplet_pool_of_other_processes():
    features, labels = points()
    whole = BatchHardTripletLoss()(training_batch(labels, features))
    halves = [
        BatchHardTripletLoss().compute(features[i], labels[i], features,
                                       labels)
        for i in (slice(0, 2), slice(2, 4))
    ]
    assert sum(halves) / 2 == pytest.approx(whole)


@pytest.mark.parametrize('build', [
    lambda: IdentityLoss(label_smoothing=1.0),
    lambda: IdentityLoss(temperature=0),
    lambda: BatchHardTripletLoss(margin=-1),
])
def test_options_out_of_range(build):
    with pytest.raises(ValueError, match='must be|needs'):
        build()
