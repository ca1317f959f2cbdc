"""The losses of ReMix against loops over their definitions."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmreidmix.models import (
    AugmentationLoss,
    CameraCentroidsLoss,
    CentroidsLoss,
    CentroidsMemory,
    InstanceLoss,
)
from tests.tiny_model import training_batch

LOSSES = (InstanceLoss, AugmentationLoss, CentroidsLoss, CameraCentroidsLoss)


def term(positive, negatives):
    return -math.log(
        math.exp(positive) /
        (math.exp(positive) + sum(map(math.exp, negatives))))


def world(seed, num=10, num_ids=4, num_cams=3):
    """Anchors, labels, keys, cameras; float64."""
    rng = np.random.default_rng(seed)
    f, m = rng.normal(size=(2, num, 5))
    f, m = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (f, m))
    return f, rng.integers(num_ids, size=num), m, rng.integers(
        num_cams, size=num)


def tensors(*arrays):
    return [torch.as_tensor(a) for a in arrays]


def compared(first, second):
    """Groups of which one is negative, or that are the same."""
    return (first < 0) | (second < 0) | (first == second)


def pairs(groups, others):
    """Which are compared, as the losses take it."""
    return compared(groups[:, None], others)


def mean(values):
    return np.mean(values) if len(values) else 0.0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.booleans())
def test_instance_loss_against_loops(seed, grouped):
    f, y, m, groups = world(seed)
    groups -= 1
    losses = []
    for i in range(len(f)):
        s = m @ f[i] / 0.1
        rivals = [
            s[j] for j in range(len(f)) if y[j] != y[i] and
            (not grouped or compared(groups[j], groups[i]))
        ]
        terms = [
            term(s[j], rivals) for j in range(len(f))
            if y[j] == y[i] and j != i
        ]
        if terms:
            losses.append(np.mean(terms))
    f, y, m, groups = tensors(f, y, m, groups)
    value = InstanceLoss(0.1).compute(f, y, m, y, torch.arange(len(f)),
                                      pairs(groups, groups)
                                      if grouped else None)
    assert value.item() == pytest.approx(mean(losses), rel=1e-9)


def test_instance_loss_by_hand():
    f = torch.tensor([[1., 0.], [0., 1.], [0., -1.]])
    y = torch.tensor([0, 0, 1])
    m = torch.tensor([[0., 1.], [0.6, 0.8], [1., 0.]])
    # Anchor 0: positive 0.6, negative 1; anchor 1: positive 1, negative 0;
    # anchor 2 has no other image.
    expected = (term(0.6 / 0.5, [1 / 0.5]) + term(1 / 0.5, [0])) / 2
    value = InstanceLoss(0.5).compute(f, y, m, y, torch.arange(3))
    assert value.item() == pytest.approx(expected, rel=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.booleans())
def test_augmentation_loss_against_loops(seed, grouped):
    f, y, m, groups = world(seed)
    groups -= 1
    losses = []
    for i in range(len(f)):
        s = m @ f[i] / 0.2
        rivals = (y != y[i]) & np.array(
            [not grouped or compared(g, groups[i]) for g in groups])
        losses.append(term(s[i], s[rivals]))
    f, y, m, groups = tensors(f, y, m, groups)
    value = AugmentationLoss(0.2).compute(f, y, m, y, torch.arange(len(f)),
                                          pairs(groups, groups)
                                          if grouped else None)
    assert value.item() == pytest.approx(mean(losses), rel=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.booleans())
def test_centroids_loss_against_loops(seed, grouped):
    f, y, c, _ = world(seed)
    c = c[:4].copy()
    c[2] = 0  # an identity without a centre
    groups = np.array([-1, 0, 1, 1]) if grouped else np.zeros(4, int)
    losses = [
        term(f[i] @ c[y[i]] / 0.3, [
            f[i] @ c[k] / 0.3 for k in (0, 1, 3)
            if k != y[i] and compared(groups[k], groups[y[i]])
        ]) for i in range(len(f)) if y[i] != 2
    ]
    f, y, c, groups = tensors(f, y, c, groups)
    value = CentroidsLoss(0.3).compute(
        f, y, c, None, pairs(groups[y], groups) if grouped else None)
    assert value.item() == pytest.approx(mean(losses), rel=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.sampled_from([None, 1, 2, 50]),
       st.sampled_from(['own', 'skip']))
def test_camera_centroids_loss_against_loops(seed, num, fallback):
    f, y, proxies, cams = world(seed)
    pairs = sorted(set(zip(y.tolist(), cams.tolist())))
    proxies = proxies[:len(pairs)]
    losses = []
    for i in range(len(f)):
        s = proxies @ f[i] / 0.2
        away = [j for j, (k, c) in enumerate(pairs)
                if k == y[i] and c != cams[i]]
        if not away and fallback == 'own':
            away = [j for j, (k, _) in enumerate(pairs) if k == y[i]]
        rivals = sorted(
            (s[j] for j, (k, _) in enumerate(pairs) if k != y[i]),
            reverse=True)[:num]
        if away:
            losses.append(np.mean([term(s[j], rivals) for j in away]))
    loss = CameraCentroidsLoss(0.2, num, fallback)
    f, y, cams, proxies, pairs = tensors(f, y, cams, proxies,
                                         np.array(pairs))
    value = loss.compute(f, y, cams, proxies, pairs[:, 0], pairs[:, 1])
    assert value.item() == pytest.approx(mean(losses), rel=1e-9)


def arguments(kind, f, y, m):
    """Arguments of a loss whose keys, centres and proxies are m."""
    if kind is CentroidsLoss:
        return f, y, m
    if kind is CameraCentroidsLoss:
        return f, y, torch.zeros_like(y), m, y, torch.ones_like(y)
    return f, y, m, y, torch.arange(len(y))


def unit(rows, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return F.normalize(torch.randn(rows, 5, generator=generator)).to(dtype)


@pytest.mark.parametrize('kind', LOSSES)
def test_gradients(kind):
    f = unit(6, torch.float64).requires_grad_()
    y = torch.arange(6) // 2
    m = unit(6).double()
    assert torch.autograd.gradcheck(
        lambda f: kind(temperature=0.5).compute(*arguments(kind, f, y, m)), f)


@pytest.mark.parametrize('kind', LOSSES)
@pytest.mark.parametrize('y', [torch.zeros(4).long(), torch.arange(4),
                               torch.zeros(0).long()],
                         ids=['one identity', 'all different', 'no image'])
def test_degenerate_batches_have_finite_gradients(kind, y):
    f = unit(max(len(y), 1))[:len(y)].requires_grad_()
    loss = kind(temperature=0.01).compute(
        *arguments(kind, f, y, unit(4)[:len(y)]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(f.grad).all()


@pytest.mark.parametrize('kind', LOSSES)
def test_half_precision_is_computed_in_float32(kind):
    y = torch.arange(6) // 2
    f, m = unit(6, torch.bfloat16), unit(6).flip(0).bfloat16()
    exact = kind(temperature=0.01).compute(
        *arguments(kind, f.float(), y, m.float()))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = kind(temperature=0.01).compute(*arguments(kind, f, y, m))
    assert half.dtype == torch.float32
    assert half.item() == exact.item() > 1


def test_no_centre_of_another_identity_to_pull_from():
    f = unit(2).requires_grad_()
    y, cams = torch.tensor([0, 0]), torch.tensor([0, 1])
    loss = CameraCentroidsLoss().compute(f, y, cams, unit(2), y, cams)
    loss.backward()
    assert loss.item() == 0
    assert (f.grad == 0).all()


def test_no_centres_at_all():
    f, y = unit(2).requires_grad_(), torch.zeros(2).long()
    nothing = torch.zeros(0, 5), torch.zeros(0).long(), torch.zeros(0).long()
    CameraCentroidsLoss().compute(f, y, y, *nothing).backward()
    assert (f.grad == 0).all()


@pytest.mark.parametrize('build', [
    *(lambda kind=kind: kind(temperature=0) for kind in LOSSES),
    lambda: CameraCentroidsLoss(num_negatives=0),
    lambda: CameraCentroidsLoss(fallback='none'),
    *(lambda kind=kind: kind(negatives='batch') for kind in LOSSES[:3]),
])
def test_options_out_of_range(build):
    with pytest.raises(ValueError, match='must be'):
        build()


def memory_of(f, labels, camids, num, **options):
    memory = CentroidsMemory(**options)
    memory.rebuild([f], labels, camids, num)
    return memory


def test_camera_centroids_of_clusters_too():
    f, y, _, cameras = world(3)
    f, num = torch.from_numpy(f), int(y.max()) + 1
    memory = memory_of(f, y, cameras, num)
    batch = training_batch(
        y, b=f, num_labelled=2, num_classes=num, memory=memory,
        camids=torch.from_numpy(cameras))
    own = y < 2
    rows = memory.labels < 2
    for wanted, loss, images, centres in (
            (True, CameraCentroidsLoss(), own, rows),
            (False, CameraCentroidsLoss(labelled_only=False),
             slice(None), slice(None))):
        assert loss.labelled_only is wanted
        by_hand = loss.compute(f[images], torch.from_numpy(y)[images],
                               torch.from_numpy(cameras)[images],
                               memory.proxies[centres],
                               memory.labels[centres],
                               memory.camids[centres])
        torch.testing.assert_close(loss(batch), by_hand)


@pytest.mark.parametrize('negatives', ['video', 'certain'])
def test_clusters_of_several_cameras_have_no_video(negatives):
    f, y, _, _ = world(0)
    f, num = torch.from_numpy(f), int(y.max()) + 1
    for camids, options in ((np.arange(len(y)), {}),
                            (np.zeros(len(y), int), dict(per_camera=False))):
        batch = training_batch(
            y, b=f, num_labelled=1, num_classes=num,
            camids=torch.from_numpy(camids),
            memory=memory_of(f, y, camids, num, **options))
        with pytest.raises(RuntimeError, match='clusters of one camera'):
            CentroidsLoss(negatives=negatives)(batch)
        CentroidsLoss(negatives='separate')(batch)
