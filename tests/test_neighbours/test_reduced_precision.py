"""Reduced copies: bounds of the error, and dimensions left out."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmreidmix.evaluation.functional.rerank_neighbours import (
    nearest_and_farthest,
)
from mmreidmix.neighbours import knn
from mmreidmix.neighbours import reduced_precision as reduced
from mmreidmix.neighbours.reduced_precision import (
    choose_reduction,
    mean_feature,
    reduced_copies,
)
from mmreidmix.neighbours.subspace import subspace
from tests.oracles import dense_knn, quick, unit


def few_dimensions(num=400, dim=64, latent=6, noise=0.02, seed=0):
    """Features near a subspace, most of them in tight groups."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(40, latent))
    near = centres[rng.integers(0, 40, num)]
    near += 0.2 * rng.normal(size=near.shape)
    features = near @ rng.normal(size=(latent, dim))
    features += noise * np.sqrt(latent) * rng.normal(size=features.shape)
    return unit(features)


def always_few(patch, half):
    """Fewer dimensions wherever a subspace is found."""
    patch.setattr(reduced, 'bfloat16_is_fast', lambda: half)
    patch.setattr(reduced, 'MANY', 0)
    patch.setattr(reduced, 'would_overflow', lambda *_: False)


def copied(features, num_rows, far=None, order=None):
    """Copies, with the reduction that is chosen for them."""
    order = np.arange(len(features)) if order is None else order
    return reduced_copies(features, order, choose_reduction(
        features, order, num_rows, 9, far))


def found(features):
    order = np.arange(len(features))
    return subspace(features, order, mean_feature(features, order))


@quick
@given(seed=st.integers(0, 99), half=st.booleans(), float16=st.booleans(),
       latent=st.integers(1, 40), noise=st.sampled_from([0, 1e-3, 0.05]))
def test_no_product_is_further_off_than_the_bound(seed, half, float16, latent,
                                                  noise):
    features = few_dimensions(200, 96, latent, noise, seed)
    if float16:
        features = features.astype(np.float16)
    order = np.random.default_rng(seed).permutation(200)[:150]
    mean = mean_feature(features, order)
    with pytest.MonkeyPatch.context() as patch:
        always_few(patch, half)
        found = copied(features, 150, order=order)
    copies, shifts, rounding = found.copies, found.shifts, found.rounding
    errors = found.errors(found.largest())
    assert copies.dtype == (torch.bfloat16 if half else torch.float32)
    assert copies.shape[1] < 96 or latent > 16
    values = (copies @ copies.T).float().numpy() + shifts
    x = torch.from_numpy(features[order]).double()
    shift = x @ mean.double()
    z = x - mean
    exact = (z @ z.T + shift - mean.double() @ mean.double()).numpy()
    np.testing.assert_allclose(found.own_shifts(), shift, atol=1e-6)
    assert (abs(values - exact) <= errors[:, None] +
            rounding * abs(values)).all()


def test_a_bound_that_leaves_out_the_outside_is_too_small(monkeypatch):
    # What the test above is worth.
    features = few_dimensions(noise=0.05)
    always_few(monkeypatch, False)
    mean = mean_feature(features, np.arange(len(features)))
    right = copied(features, 400)
    errors = right.errors(right.largest())
    split = reduced._split
    monkeypatch.setattr(
        reduced, '_split', lambda *args: (split(*args)[0], 0.0))
    wrong = copied(features, 400)
    copies, too_small = wrong.copies, wrong.errors(wrong.largest())
    z = torch.from_numpy(features).double() - mean
    off = abs(z @ z.T - copies.double() @ copies.double().T).numpy()
    assert (off > too_small[:, None]).any()
    assert (off <= errors[:, None]).all()


def test_as_many_dimensions_as_hold_the_features():
    features = few_dimensions(5000, 256, 20)
    basis = found(features)
    assert basis.shape == (256, 32)  # a multiple of 16
    torch.testing.assert_close(
        basis.T @ basis, torch.eye(32).double(), atol=1e-7, rtol=0)
    z = torch.from_numpy(features).double()
    z -= z.mean(0)
    share = (z @ basis).square().sum() / z.square().sum()
    assert share >= 0.985


def test_more_images_are_asked_where_few_do_not_show_the_dimensions():
    rng = np.random.default_rng(0)
    features = unit(rng.normal(size=(2500, 304)) @
                    rng.normal(size=(304, 1280)))
    assert found(features).shape == (1280, 304)


@pytest.mark.parametrize('features', [
    unit(np.random.default_rng(0).normal(size=(3000, 128))),
    few_dimensions(3000, 128, 60),  # more than a quarter
    unit(np.ones((300, 64))),
    np.eye(1, 64, dtype=np.float32).repeat(9, 0),
], ids=['all', 'many', 'equal', 'equal, of few numbers'])
def test_features_that_are_taken_whole(features):
    assert found(features) is None


def test_few_products_are_not_worth_a_subspace(monkeypatch):
    features = few_dimensions()
    assert copied(features, 400).copies.shape == (400, 64)
    monkeypatch.setattr(reduced, 'MANY', 400 * 400 * 64)
    assert copied(features, 400).copies.shape == (400, 16)
    assert copied(features, 399).copies.shape == (400, 64)


@pytest.mark.parametrize('kind, far, width', [
    ('few', None, 16), ('few', 128, 16), ('few', 8, 64), ('equal', None, 64),
    ('outlier', None, 64)])
def test_lists_that_would_overflow_are_not_begun(monkeypatch, kind, far,
                                                 width):
    features = few_dimensions(4000, noise=0.03)
    if kind == 'equal':  # frames of 40 images that do not move
        features = unit(features[:40].repeat(100, 0) + 0.0003 * features)
    if kind == 'outlier':  # one image that is nothing but outside
        features[7] = np.linalg.svd(features)[2][-1]
    monkeypatch.setattr(reduced, 'MANY', 0)
    monkeypatch.setattr(reduced, 'bfloat16_is_fast', lambda: False)
    assert copied(features, 4000, far).copies.shape == (4000, width)


@pytest.mark.parametrize('half', [False, True], ids=['float32', 'bfloat16'])
@pytest.mark.parametrize('noise', [0, 0.01, 0.05, 0.15])
def test_the_search_is_exact_in_fewer_dimensions(monkeypatch, half, noise):
    features = few_dimensions(noise=noise)
    features[300:320] = features[0]
    always_few(monkeypatch, half)
    expected = dense_knn(features, 12)
    for lists, dense in zip(knn(features, 12), expected):
        np.testing.assert_array_equal(lists, dense)
    tensor = torch.from_numpy(features)
    exact = tensor.double() @ tensor.double().T
    for cross in (None, torch.empty(100, 300)):
        indices, sims, lowest = nearest_and_farthest(tensor, 12, cross)
        np.testing.assert_array_equal(indices, expected[0])
        np.testing.assert_array_equal(sims, expected[1])
        np.testing.assert_array_equal(lowest, exact.amin(1).float())
    np.testing.assert_allclose(cross, exact[:100, 100:], atol=2e-6)
