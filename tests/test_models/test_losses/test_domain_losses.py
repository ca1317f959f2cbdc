import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmreidmix.distributed import mean_over_roles
from mmreidmix.models import (
    ClusterWeightedLoss,
    CompactnessLoss,
    DomainSpecificHead,
    HypersphereLoss,
    IdentityHead,
    NominalClassLoss,
    SoftLabelLoss,
)
from tests.tiny_model import clustering_of, training_batch

BUILDERS = [lambda: HypersphereLoss(5), lambda: NominalClassLoss(5, 3),
            CompactnessLoss]
role_lists = st.lists(st.integers(0, 1), min_size=2, max_size=9)


def features(roles, seed=0):
    generator = torch.Generator().manual_seed(seed)
    num = len(roles)
    shared = torch.randn(num, 5, generator=generator, dtype=torch.float64)
    specific = torch.randn(num, 3, generator=generator, dtype=torch.float64)
    return (shared.requires_grad_(), specific.requires_grad_(),
            torch.tensor(roles))


def unit(rows):
    rows = rows.detach().numpy()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def balanced_mean(values, roles):
    parts = [[v for v, d in zip(values, roles) if d == which]
             for which in (0, 1)]
    return np.mean([np.mean(part) for part in parts if part])


def similarity_of(values, roles):
    """0 without one of the roles."""
    return balanced_mean(values, roles) * (len(set(roles)) == 2)


@given(role_lists, st.integers(0, 1000))
@settings(max_examples=30)
def test_mean_over_roles(roles, seed):
    values = torch.tensor(np.random.default_rng(seed).random(len(roles)))
    assert mean_over_roles(values, torch.tensor(roles)).item() == (
        pytest.approx(balanced_mean(values.numpy(), roles)))


@given(role_lists, st.integers(0, 1000))
@settings(max_examples=30)
def test_hypersphere_of_the_first_batch(roles, seed):
    shared, specific, which = features(roles, seed)
    loss = HypersphereLoss(5, quantile=0.3).double()
    f = unit(shared)
    means = [f[np.array(roles) == d].mean(0) for d in set(roles)]
    centre = np.mean(means, axis=0)
    distances = ((f - centre)**2).sum(1)
    radius = np.quantile(distances, 0.3)
    expected = similarity_of(np.maximum(distances - radius, 0), roles)
    found = loss.compute(shared, specific, which)
    assert found.item() == pytest.approx(expected)
    torch.testing.assert_close(loss.centre(), torch.tensor(centre))


def test_hypersphere_follows():
    loss = HypersphereLoss(5, momentum=0.8, window=6).double()
    means, recent = {}, []
    for step, roles in enumerate([[0, 0, 0], [0, 1, 1, 1], [1, 1]]):
        shared, specific, which = features(roles, step)
        f = unit(shared)
        for d in set(roles):
            new = f[np.array(roles) == d].mean(0)
            means[d] = 0.8 * means[d] + 0.2 * new if d in means else new
        centre = np.mean(list(means.values()), axis=0)
        distances = ((f - centre)**2).sum(1)
        recent = (recent + list(distances))[-6:]
        beyond = np.maximum(distances - np.median(recent), 0)
        assert loss.compute(shared, specific, which).item() == pytest.approx(
            similarity_of(beyond, roles))
    before = {k: v.clone() for k, v in loss.state_dict().items()}
    assert before.keys() == {'means', 'recent'}
    loss.eval().compute(shared, specific, which)
    for name, value in loss.state_dict().items():
        assert torch.equal(value, before[name])


def test_hypersphere_gives_no_gradient_to_centre_and_radius():
    """The gradient is that of the distance to a fixed point."""
    shared, specific, which = features([0, 1, 1, 0])
    loss = HypersphereLoss(5, quantile=0).double()
    loss.compute(shared, specific, which).backward()
    again = shared.detach().clone().requires_grad_()
    distances = (F.normalize(again) - loss.centre()).square().sum(1)
    beyond = (distances - distances.min().detach()).clamp(min=0)
    beyond.mean().backward()
    torch.testing.assert_close(shared.grad, again.grad)


@given(role_lists, st.integers(0, 1000))
@settings(max_examples=30)
def test_nominal_class(roles, seed):
    shared, specific, which = features(roles, seed)
    torch.manual_seed(seed)
    loss = NominalClassLoss(5, 3).double()
    values = []
    for f, g in zip(shared, specific):
        nominal = torch.sigmoid(loss.classifier(f))
        outlier = torch.sigmoid(loss.classifier(loss.projection(g)))
        values.append(-math.log(nominal) - math.log(1 - outlier))
    assert loss.compute(shared, specific, which).item() == pytest.approx(
        similarity_of(values, roles))


def test_nominal_class_of_one_width_has_no_projection():
    assert len(NominalClassLoss(5).state_dict()) == 2


@given(role_lists, st.integers(0, 1000))
@settings(max_examples=30)
def test_compactness(roles, seed):
    shared, specific, which = features(roles, seed)
    f = unit(shared)
    weight = [1 / roles.count(d) for d in roles]
    values = []
    for i in range(len(f)):
        others = [j for j in range(len(f)) if j != i]
        mean = np.average(f[others], axis=0,
                          weights=[weight[j] for j in others])
        values.append(((f[i] - mean)**2).sum())
    assert CompactnessLoss().compute(shared, specific, which).item() == (
        pytest.approx(similarity_of(values, roles)))


def test_compactness_of_a_balanced_batch_is_the_plain_one():
    shared, specific, which = features([0, 1, 0, 1])
    f = F.normalize(shared.detach())
    mean = (f.sum(0) - f) / 3
    torch.testing.assert_close(
        CompactnessLoss().compute(shared, specific, which),
        (f - mean).square().sum(1).mean())


def test_compactness_of_a_single_image_is_zero():
    loss = CompactnessLoss().compute(*features([1]))
    assert loss.item() == 0
    loss.backward()


@pytest.mark.parametrize('build', BUILDERS)
@pytest.mark.parametrize('roles', [[0, 0, 0], [1, 1, 1], [0, 1, 1]])
def test_gradients_with_and_without_both_domains(build, roles):
    torch.manual_seed(0)
    shared, specific, which = features(roles)
    loss = build().double().compute(shared, specific, which)
    both = len(set(roles)) == 2
    assert (loss > 0) == both
    loss.backward()
    assert torch.isfinite(shared.grad).all() and shared.grad.any() == both


@pytest.mark.parametrize('build', [BUILDERS[0], BUILDERS[2]])
@given(role_lists, st.integers(0, 100), st.floats(0.1, 10))
@settings(max_examples=15)
def test_order_and_length_do_not_matter(build, roles, seed, scale):
    shared, specific, which = features(roles, seed)
    order = torch.randperm(len(roles))
    first = build().double().compute(shared, specific, which)
    second = build().double().compute(
        shared[order] * scale, specific[order], which[order])
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize('build', [BUILDERS[0], BUILDERS[2]])
def test_equal_features_cost_nothing(build):
    shared, specific, which = features([0, 1, 0])
    loss = build().double().compute(
        shared[:1].expand(3, -1), specific, which)
    assert loss.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize('options', [
    dict(momentum=1), dict(momentum=-0.1), dict(quantile=1), dict(window=0)
])
def test_hypersphere_options(options):
    name, = options
    with pytest.raises(ValueError, match=f'HypersphereLoss: {name} must be'):
        HypersphereLoss(5, **options)


def specific_batch(rows, roles):
    """A batch of which attention has left over some features."""
    attended = SimpleNamespace(pooled_specific=lambda: rows)
    return training_batch(roles, rows, num_labelled=1, attended=attended)


def test_domain_specific_head_is_cross_entropy():
    torch.manual_seed(0)
    head = DomainSpecificHead(3)
    rows, roles = torch.randn(6, 3) * 4 + 1, torch.tensor([0, 1, 0, 0, 1, 1])
    normal = (rows - rows.mean(0)) / (rows.var(0, correction=0) + 1e-5).sqrt()
    logits = normal @ head.classifier.weight.T + head.classifier.bias
    torch.testing.assert_close(
        head.loss(specific_batch(rows, roles)),
        F.cross_entropy(logits, roles))


@pytest.mark.parametrize('domain', [0, 1])
def test_domain_specific_head_with_one_domain(domain):
    head = DomainSpecificHead(3)
    loss = head.loss(
        specific_batch(torch.randn(4, 3), torch.full((4, ), domain)))
    assert loss.item() == 0
    loss.backward()
    for parameter in head.parameters():
        assert (parameter.grad == 0).all()


def clustering(num=20, clusters=4, seed=0):
    """Unit rows, cluster of each, unit centres."""
    generator = torch.Generator().manual_seed(seed)
    rows = F.normalize(torch.randn(num, 6, generator=generator))
    labels = torch.arange(num) % clusters
    centres = torch.stack([
        F.normalize(rows[labels == k].mean(0), dim=0) for k in range(clusters)
    ])
    return rows, labels, centres


@given(st.integers(1, 30), st.integers(1, 5), st.integers(0, 100))
@settings(max_examples=30)
def test_cluster_weights(num, clusters, seed):
    rows, labels, centres = clustering(num, min(num, clusters), seed)
    loss = ClusterWeightedLoss()
    loss.on_clustering(clustering_of(rows, labels, centres))
    weights = loss.targets['weights'].numpy()
    for k in range(len(centres)):
        own = (labels == k).numpy()
        distances = ((rows[own] - centres[k]).numpy()**2).sum(1)
        scale = max(distances.mean(), 1e-38)
        expected = np.exp(-distances / scale)
        assert weights[own].mean() == pytest.approx(1, rel=1e-5)
        if own.sum() > 1:
            np.testing.assert_allclose(
                weights[own], expected / expected.mean(), rtol=1e-4)
            order = np.argsort(distances)
            assert (np.diff(weights[own][order]) <= 1e-6).all()


def test_equal_images_of_a_cluster_weigh_the_same():
    rows = F.normalize(torch.ones(3, 4))
    loss = ClusterWeightedLoss()
    loss.on_clustering(
        clustering_of(rows, torch.zeros(3, dtype=torch.long), rows[:1]))
    torch.testing.assert_close(loss.targets['weights'], torch.ones(3))


def test_weighted_cross_entropy():
    rows, labels, centres = clustering()
    loss = ClusterWeightedLoss()
    loss.on_clustering(clustering_of(rows, labels, centres))
    which = torch.tensor([3, 17, 8])
    logits = torch.randn(3, 4)
    expected = np.mean([
        -loss.targets['weights'][i] * logits[j].log_softmax(0)[labels[i]]
        for j, i in enumerate(which)
    ])
    found = loss.compute(logits, labels[which], which)
    assert found.item() == pytest.approx(expected)


def test_soft_labels():
    rows, labels, centres = clustering()
    loss = SoftLabelLoss(temperature=0.2)
    loss.on_clustering(clustering_of(rows, labels, centres))
    which = torch.tensor([3, 17, 8])
    logits = torch.randn(3, 4)
    q = (rows.half().float()[which] @ centres.T / 0.2).softmax(1)
    torch.testing.assert_close(loss.soft_labels(which), q)
    expected = -(q * logits.log_softmax(1)).sum() / 3
    torch.testing.assert_close(
        loss.compute(logits, labels[which], which), expected)
    assert loss.targets['embeddings'].dtype == torch.float16


def test_cold_soft_labels_are_hard():
    rows, labels, centres = clustering()
    loss = SoftLabelLoss(temperature=1e-4)
    loss.on_clustering(clustering_of(rows, labels, centres))
    which = torch.arange(20)
    nearest = (rows @ centres.T).argmax(1)
    logits = torch.randn(20, 4)
    torch.testing.assert_close(
        loss.compute(logits, labels, which), F.cross_entropy(logits, nearest))


@pytest.mark.parametrize('kind', [ClusterWeightedLoss, SoftLabelLoss])
def test_target_losses_start_state_and_no_image(kind):
    logits = torch.randn(2, 4, requires_grad=True)
    which = torch.tensor([5, 6])
    rows, labels, centres = clustering()
    loss, other = kind(), kind()
    with pytest.raises(RuntimeError, match='knows no clustering'):
        loss(training_batch(labels[which], logits), IdentityHead(4, 4))
    loss.on_clustering(clustering_of(rows, labels, centres))
    assert not loss.state_dict()
    other.load_label_state(loss.label_state())
    assert np.array_equal(other.images, np.arange(20))
    torch.testing.assert_close(
        other.compute(logits, labels[which], which),
        loss.compute(logits, labels[which], which))
    another, = {SoftLabelLoss, ClusterWeightedLoss} - {kind}
    with pytest.raises(RuntimeError, match='written with another `target`'):
        another().load_label_state(loss.label_state())
    nothing = loss.compute(logits[:0], labels[:0], which[:0])
    assert nothing.item() == 0
    nothing.backward()
    # No cluster survived.
    loss.on_clustering(clustering_of(rows[:0], labels[:0], centres[:0]))


@given(st.integers(1, 30), st.integers(1, 5), st.integers(0, 100))
@settings(max_examples=30)
def test_images_are_told_from_clusters_of_their_camera(num, clusters, seed):
    rows, labels, centres = clustering(num, min(num, clusters), seed)
    cameras = torch.randint(
        5, 9, (num, ), generator=torch.Generator().manual_seed(seed))
    logits = torch.randn(num, len(centres), requires_grad=True)
    soft, weighted = SoftLabelLoss(temperature=0.2), ClusterWeightedLoss()
    for loss in (soft, weighted):
        loss.on_clustering(clustering_of(rows, labels, centres, cameras))
    expected_soft, expected_weighted, kept = [], [], rows.half().float()
    for i in range(num):
        own = sorted({int(k) for k, c in zip(labels, cameras)
                      if c == cameras[i]})
        log_p = logits[i, own].log_softmax(0)
        q = (kept[i] @ centres[own].T / 0.2).softmax(0)
        expected_soft.append(-(q * log_p).sum())
        expected_weighted.append(-weighted.targets['weights'][i] *
                                 log_p[own.index(int(labels[i]))])
    which = torch.arange(num)
    for loss, expected in ((soft, expected_soft),
                           (weighted, expected_weighted)):
        found = loss.compute(logits, labels, which)
        torch.testing.assert_close(found, torch.stack(expected).mean())
        gradient, = torch.autograd.grad(found, logits)
        assert torch.isfinite(gradient).all()
        assert (gradient[~loss.candidates(which)] == 0).all()


@pytest.mark.parametrize('kind', [ClusterWeightedLoss, SoftLabelLoss])
def test_order_of_the_clustered_images_does_not_matter(kind):
    rows, labels, centres = clustering()
    cameras, images = torch.arange(20) % 3, np.arange(20) * 2
    mixed = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    head, batch = IdentityHead(6, 8), training_batch(
        labels[:5] + 4, rows[:5], num_labelled=4, num_classes=8,
        indices=images[:5])
    values = []
    for order in (torch.arange(20), mixed):
        loss = kind()
        loss.on_clustering(clustering_of(
            rows[order], labels[order], centres, cameras[order],
            images[order.numpy()]))
        values.append(loss(batch, head))
    torch.testing.assert_close(*values)


def test_candidates_are_all_clusters():
    rows, labels, centres = clustering()
    loss = SoftLabelLoss(within_camera=False)
    loss.on_clustering(
        clustering_of(rows, labels, centres, torch.arange(20)))
    assert loss.candidates(torch.arange(20)).all()


def test_temperature_above_zero():
    with pytest.raises(ValueError, match='temperature must be above 0'):
        SoftLabelLoss(temperature=0)
