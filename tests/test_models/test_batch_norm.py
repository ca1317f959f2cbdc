"""Batch-norm statistics of a site against NumPy."""

import numpy as np
import pytest
import torch

from mmreidmix.models.batch_norm import (
    batch_norms,
    estimate_batch_norm,
    load_batch_norm,
    shuffled_batches,
)
from mmreidmix.models.layers import group_batch_norm
from tests.tiny_model import build_model


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model('ReIDBaseline', id_head=None, triplet=None).eval()


@pytest.fixture
def batches():
    generator = torch.Generator().manual_seed(1)
    return [3 + 2 * torch.randn(n, 3, 32, 16, generator=generator)
            for n in (6, 5)]


def seen_by_the_first(model, batches):
    """What comes into the first batch norm, for each batch."""
    layer = next(iter(batch_norms(model).values()))
    seen = []
    handle = layer.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].detach().double().numpy()))
    with torch.no_grad():
        for images in batches:
            model.embed(images)
    handle.remove()
    return seen


def test_the_average_of_what_the_batches_give(model, batches):
    first = next(iter(batch_norms(model)))
    seen = seen_by_the_first(model, batches)
    found = estimate_batch_norm(model, batches)
    np.testing.assert_allclose(
        found[f'{first}.running_mean'],
        np.mean([x.mean((0, 2, 3)) for x in seen], axis=0), rtol=1e-4)
    np.testing.assert_allclose(
        found[f'{first}.running_var'],
        np.mean([x.var((0, 2, 3), ddof=1) for x in seen], axis=0), rtol=1e-4)


def test_the_model_is_as_before(model, batches):
    before = {k: v.clone() for k, v in model.state_dict().items()}
    layers = batch_norms(model)
    momentum = [layer.momentum for layer in layers.values()]
    estimate_batch_norm(model, batches)
    assert all(torch.equal(v, before[k])
               for k, v in model.state_dict().items())
    assert [layer.momentum for layer in layers.values()] == momentum
    assert not any(module.training for module in model.modules())


def test_one_batch_and_its_statistics_are_training_mode(model, batches):
    images = batches[0]
    statistics = estimate_batch_norm(model, [images])
    for layer in batch_norms(model).values():
        layer.train()
    with torch.no_grad():
        wanted = model.embed(images)
        model.eval()
        load_batch_norm(model, statistics)
        found = model.embed(images)
    # a running variance is unbiased, that of training mode is not
    torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)
    assert not any('bnneck' in name for name in statistics)


def test_grouped_batch_norm_sees_the_whole_batch(model, batches):
    wanted = estimate_batch_norm(model, batches)
    group_batch_norm(model, 4)
    found = estimate_batch_norm(model, batches)
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-5)
    assert {layer.group_size for layer in batch_norms(model).values()} == {4}


def test_the_momentum_encoder_is_what_embeds(batches):
    model = build_model('ReIDBaseline', id_head=None, triplet=None,
                        momentum_encoder=dict(type='MomentumEncoder')).eval()
    names = estimate_batch_norm(model, batches)
    assert names
    assert all(name.startswith('momentum_encoder.') for name in names)
    load_batch_norm(model, names)


def test_statistics_of_another_model(model):
    first = next(iter(batch_norms(model)))
    for name, values in ((f'{first}.running_mean', np.zeros(999)),
                         ('none.running_mean', np.zeros(3))):
        with pytest.raises(ValueError, match='They are of another model'):
            load_batch_norm(model, {name: values})


def test_batches_hold_each_image_once_and_are_of_one_size():
    batches = shuffled_batches(130, 64)
    assert [len(batch) for batch in batches] == [44, 43, 43]
    np.testing.assert_array_equal(
        np.sort(np.concatenate(batches)), np.arange(130))
    assert np.ptp(batches[0]) > 100
    with pytest.raises(ValueError, match='at least 2 images, got 1'):
        shuffled_batches(1)
