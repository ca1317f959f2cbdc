"""Tests of the worked example in projects/custom_components."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from mmreidmix.datasets import LabelTable
from tests.tiny_model import training_batch

ROOT = Path(__file__).parents[2]
CONFIG = 'projects/custom_components/small_toysyn.py'


@pytest.fixture(scope='module')
def components():
    sys.path.insert(0, str(ROOT))
    try:
        from projects.custom_components import components
    finally:
        sys.path.remove(str(ROOT))
    return components


def test_small_conv_net_halves_the_image_at_each_stage(components):
    maps = components.SmallConvNet((4, 8))(torch.rand(2, 3, 32, 16))
    assert isinstance(maps, tuple)
    assert maps[-1].shape == (2, 8, 8, 4)


def test_stripe_pooling_equals_the_mean_of_each_stripe(components):
    features = torch.rand(2, 3, 8, 4)
    pooled = components.StripePooling(2)(features)
    expected = torch.cat([
        features[:, :, :4].mean((2, 3)), features[:, :, 4:].mean((2, 3))
    ], 1)
    torch.testing.assert_close(pooled, expected)


def test_cosine_head_ignores_lengths(components):
    head = components.CosineIdentityHead(
        in_channels=2, max_classes=3, scale=10.)
    head.weight.data[:2] = torch.tensor([[3., 0.], [0., 2.]])
    logits = head(torch.tensor([[0.3, 0.4]]), 2)
    torch.testing.assert_close(logits, torch.tensor([[6., 8.]]))
    batch = training_batch(
        torch.zeros(4).long(), torch.rand(4, 2), num_classes=2)
    assert head.loss(batch) > 0


def test_spread_loss_against_a_loop(components):
    f, labels = torch.randn(6, 3), torch.tensor([0, 1, 0, 2, 2, 2])
    batch = training_batch(labels, f)
    means = torch.stack([batch.f[labels == k].mean(0) for k in labels])
    expected = (batch.f - means).norm(dim=1).square().mean()
    torch.testing.assert_close(components.SpreadLoss()(batch), expected)


def test_head_first_hook_freezes_then_thaws(components):
    model = torch.nn.Module()
    model.backbone, model.head = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    hook = components.HeadFirstHook(epochs=2)
    trained = []
    for epoch in range(4):
        hook.before_train_epoch(SimpleNamespace(model=model, epoch=epoch))
        trained.append(model.backbone.weight.requires_grad)
        assert model.head.weight.requires_grad
    assert trained == [False, False, True, True]


def make_sampler(components, pids, rank=0, world_size=1, epoch=0, **options):
    sizes = [len(p) for p in pids]
    table = LabelTable([np.array(p) for p in pids], sizes)
    bounds = np.cumsum(sizes)
    mixture = SimpleNamespace(
        label_table=table,
        domain_of=lambda i: np.searchsorted(bounds, i, side='right'))
    sampler = components.OneDomainBatchSampler(
        SimpleNamespace(dataset=mixture, seed=1, epoch=epoch), **options)
    sampler.rank, sampler.world_size = rank, world_size
    return sampler


PIDS = [[5, 5, 8, 8, 8, 9], [0, 0, 1, 1]]


def test_batches_come_from_one_domain_in_turn(components):
    sampler = make_sampler(
        components, PIDS, batch_size=4, num_instances=2, iters_per_epoch=6)
    batches = list(sampler)
    assert len(batches) == len(sampler) == 6
    labels = sampler.mixture.label_table.labels
    for step, batch in enumerate(batches):
        indices = [key.index for key in batch]
        assert {index >= 6 for index in indices} == {step % 2 == 1}
        identities, counts = np.unique(labels[indices], return_counts=True)
        assert len(identities) == 2 and set(counts) == {2}


def test_two_processes_share_the_batch_of_one(components):
    options = {'num_instances': 2, 'iters_per_epoch': 3}
    whole = make_sampler(components, PIDS, batch_size=8, **options)
    parts = [
        make_sampler(
            components, PIDS, rank=r, world_size=2, batch_size=4, **options)
        for r in range(2)
    ]
    assert list(whole) == [a + b for a, b in zip(*parts)]
    later = make_sampler(components, PIDS, batch_size=8, epoch=1, **options)
    assert list(whole) == list(whole) != list(later)


def test_images_without_identity_are_not_drawn(components):
    sampler = make_sampler(
        components, PIDS, batch_size=4, num_instances=2, iters_per_epoch=8)
    labels = sampler.mixture.label_table.labels
    labels[6:] = -1
    assert {key.index < 6 for batch in sampler for key in batch} == {True}
    labels[:] = -1
    with pytest.raises(ValueError, match='no image of the mixture'):
        next(iter(sampler))


def test_a_batch_that_cannot_be_formed_is_refused(components):
    with pytest.raises(ValueError, match='batch_size 6 is not a multiple'):
        make_sampler(
            components, PIDS, batch_size=6, num_instances=4,
            iters_per_epoch=1)


def write_market(root, cameras):
    """Write four identities, one picture per camera, in every subset."""
    rng = np.random.default_rng(0)
    for folder in ('bounding_box_train', 'query', 'bounding_box_test'):
        (root / folder).mkdir(parents=True)
        for pid in range(1, 5):
            for camera in cameras:
                image = rng.integers(256, size=(32, 16, 3), dtype=np.uint8)
                name = f'{pid:04d}_c{camera}s1_{camera:06d}_00.jpg'
                assert cv2.imwrite(str(root / folder / name), image)


def test_training_with_the_config(tmp_path):
    """As the README says, in a process of its own, on tiny images."""
    write_market(tmp_path / 'synthetic', (3, 4, 8, 10, 11, 12))
    write_market(tmp_path / 'unseen', (1, 2))
    domains = {
        'train_dataloader.dataset.domains.0.data_root': 'synthetic',
        'val_dataloader.dataset.domains.0.data_root': 'unseen',
    }
    options = [f'{key}={tmp_path / name}' for key, name in domains.items()]
    result = subprocess.run([
        sys.executable, 'tools/train.py', CONFIG, '--work-dir',
        tmp_path / 'work', '--cfg-options', *options,
        'train_dataloader.batch_size=8',
        'train_dataloader.batch_sampler.iters_per_epoch=2',
        'train_cfg.max_epochs=2', 'train_cfg.val_interval=2'
    ], cwd=ROOT, env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True, text=True)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output[-3000:]
    assert 'the backbone is frozen from epoch 1 on' in output
    assert 'the backbone is trained from epoch 2 on' in output
    assert 'toy-unseen/mAP' in output
    weights = torch.load(
        tmp_path / 'work' / 'epoch_2.pth', weights_only=True)['state_dict']
    assert weights['id_head.weight'].shape == (200, 256)
    assert 'backbone.stages.0.conv.weight' in weights
