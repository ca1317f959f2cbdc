import random
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow
import pytest
import torch
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmengine.hooks import DistSamplerSeedHook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmreidmix.datasets import (
    DomainMixture,
    LabelTable,
    PKBatchSampler,
    SampleKey,
)
from mmreidmix.datasets.domain_files import write_domain
from mmreidmix.datasets.sample_key import seeded

PIPELINE = [
    dict(type='LoadReIDImage'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='mmpretrain.RandomCrop', crop_size=(64, 32), padding=4),
    dict(type='mmpretrain.RandomErasing', erase_prob=0.5),
    dict(type='PackReIDInputs'),
]


def domains(toy, **options):
    return [
        dict(
            type='PersonX',
            data_root=str(toy / 'synthetic'),
            name='syn',
            role='labelled'),
        dict(
            type='Market1501',
            data_root=str(toy / 'real_a'),
            name='real',
            role='unlabelled',
            **options)
    ]


@pytest.fixture(scope='module')
def mixture(toy):
    return DomainMixture(domains(toy), PIPELINE)


def test_indices_run_over_the_domains(mixture):
    assert len(mixture) == sum(map(len, mixture.domains))
    assert mixture.names == mixture.metainfo['domains'] == ['syn', 'real']
    first = len(mixture.domains[0])
    for index in (0, first - 1, first, len(mixture) - 1):
        info = mixture.get_data_info(index)
        domain = int(index >= first)
        own = mixture.domains[domain].get_data_info(index - domain * first)
        assert (info['index'], info['domain']) == (index, domain)
        assert info['img_path'] == own['img_path']
        assert info['camid'] == own['camid'] == mixture.camids[index]
        assert mixture.domain_of(index) == domain
    assert mixture.domain_of([0, first]).tolist() == [0, 1]


def test_index_outside_is_an_error(mixture):
    for index in (len(mixture), -1):
        with pytest.raises(IndexError):
            mixture.get_data_info(index)


def test_identities_of_the_unlabelled_domain_are_hidden(mixture):
    first = len(mixture.domains[0])
    assert (mixture.domains[1].records.pids >= 0).all()  # they are known
    for index in range(len(mixture)):
        assert (mixture.get_data_info(index)['pid'] >= 0) == (index < first)
    assert (mixture.label_table.labels[first:] == -1).all()
    assert mixture[SampleKey(first, 0)]['data_samples'].pid == -1
    assert 'hidden' in mixture.summary()


def test_labels_of_the_labelled_domain(mixture):
    pids = mixture.domains[0].records.pids
    expected = np.unique(pids, return_inverse=True)[1]
    labels = mixture.label_table.labels[:len(pids)]
    assert labels.tolist() == expected.tolist()
    assert mixture.label_table.num_classes == mixture.domains[0].num_pids


def test_a_domain_of_labelled_role_is_all_labelled(toy):
    both = domains(toy)
    both[1]['role'] = 'labelled'
    table = DomainMixture(both).label_table
    assert table.labels.min() == 0
    assert table.num_labelled_classes == 24
    assert table.unlabelled == []


def test_equal_keys_give_equal_images_whatever_came_before(mixture):
    expected = mixture[SampleKey(3, 7)]['inputs']
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    assert torch.equal(mixture[SampleKey(3, 7)]['inputs'], expected)
    others = [mixture[SampleKey(3, seed)]['inputs'] for seed in range(4)]
    assert not all(torch.equal(other, expected) for other in others)


def test_random_numbers_of_the_model_go_on(mixture):
    """Dropout in the main process draws from torch's state."""
    before = torch.get_rng_state()
    mixture[SampleKey(3, 7)]
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(KeyError), seeded(5):
        torch.rand(3)
        raise KeyError
    assert torch.equal(torch.get_rng_state(), before)


def test_seeded_block_repeats_itself():
    draws = []
    for _ in range(2):
        with seeded(5):
            draws.append(
                (random.random(), np.random.rand(), float(torch.rand(1))))
    assert draws[0] == draws[1]


def test_workers_change_nothing(mixture):
    sampler = DefaultSampler(mixture, seed=3)
    batches = []
    for workers in (0, 2):
        loader = DataLoader(
            mixture,
            batch_sampler=PKBatchSampler(
                sampler, batch_size=8, iters_per_epoch=3),
            num_workers=workers,
            collate_fn=pseudo_collate)
        batches.append(list(loader))
    for a, b in zip(*batches):
        assert [s.index for s in a['data_samples']
                ] == [s.index for s in b['data_samples']]
        assert all(map(torch.equal, a['inputs'], b['inputs']))


def test_workers_see_new_labels(toy):
    """Persistent workers hold no label: the sampler reads the table."""
    mixture = DomainMixture(domains(toy), PIPELINE)
    loader = DataLoader(
        mixture,
        batch_sampler=PKBatchSampler(
            DefaultSampler(mixture, seed=0),
            batch_size=8,
            iters_per_epoch=2,
            quotas=dict(syn=0, real=1)),
        num_workers=1,
        persistent_workers=True,
        collate_fn=pseudo_collate)
    first = len(mixture.domains[0])
    for group in (slice(0, 6), slice(6, 12)):
        clusters = np.full(len(mixture.domains[1]), -1)
        clusters[group] = 0
        mixture.label_table.assign({1: clusters})
        seen = {s.index for data in loader for s in data['data_samples']}
        assert seen <= set(range(first + group.start, first + group.stop))


def test_epoch_and_seed_reach_the_batches(toy):
    """Through MMEngine's own builder and hook; each epoch draws anew."""
    cfg = dict(
        batch_size=8,
        num_workers=0,
        sampler=dict(type='DefaultSampler'),
        batch_sampler=dict(type='PKBatchSampler', iters_per_epoch=2),
        dataset=dict(
            type='DomainMixture', domains=domains(toy), pipeline=PIPELINE))
    batches = {}
    for seed in (0, 1):
        loader = Runner.build_dataloader(cfg, seed=seed)
        loop = SimpleNamespace(dataloader=loader)
        for epoch in (0, 1):
            DistSamplerSeedHook().before_train_epoch(
                SimpleNamespace(epoch=epoch, train_loop=loop))
            batches[seed, epoch] = list(loader.batch_sampler)
    keys = list(batches.values())
    assert all(a != b for i, a in enumerate(keys) for b in keys[:i])


def test_images_without_identity_do_not_share_one():
    """A labelled domain may hold images of which nobody is known."""
    table = LabelTable([np.array([-1, 4, -1, 2])], [4])
    assert table.labels.tolist() == [-1, 1, -1, 0]
    assert table.num_classes == 2


@pytest.mark.parametrize('role', [None, 'source'])
def test_role_errors(toy, role):
    wrong = domains(toy)
    wrong[1]['role'] = role
    with pytest.raises(ValueError, match='Market1501: role must be one'):
        DomainMixture(wrong)


def test_names_must_differ(toy):
    wrong = domains(toy)
    wrong[1]['name'] = 'syn'
    with pytest.raises(ValueError, match=r"\['syn', 'syn'\] are not unique"):
        DomainMixture(wrong)


def test_no_domain():
    with pytest.raises(ValueError, match='`domains` is empty'):
        DomainMixture([])


@pytest.mark.parametrize('role', ['labelled', 'unlabelled'])
def test_an_image_is_in_one_domain(toy, tmp_path, role):
    real = dict(domains(toy)[1], role='labelled')
    again = dict(real, name='again', role=role)
    with pytest.raises(ValueError, match=(
            "'real' and 'again' have the same 72 images in common, such as "
            "'.*jpg': an image belongs to one domain")):
        DomainMixture([real, again])
    # A copy elsewhere, and a link to the same folder.
    shutil.copytree(toy / 'real_a', tmp_path / 'copy')
    (tmp_path / 'link').symlink_to(toy / 'real_a')
    for name in ('copy', 'link'):
        with pytest.raises(ValueError, match='the same 72 images'):
            DomainMixture([real, dict(again, data_root=tmp_path / name)])


def test_some_images_in_two_domains(toy, tmp_path):
    real = dict(domains(toy)[1], role='labelled')
    folder = toy / 'real_a' / 'Market-1501-v15.09.15' / 'bounding_box_train'
    names = sorted(path.name for path in folder.glob('*.jpg'))[:5]
    write_domain(tmp_path, pyarrow.table(dict(
        path=names, subset=['train'] * 5,
        pid=[int(name[:4]) for name in names], camid=['1'] * 5)),
        dict(name='some', images=str(folder)))
    some = dict(type='Domain', data_root=tmp_path, role='labelled')
    with pytest.raises(ValueError, match=(
            f"'real' and 'some' have 5 images in common, .*{names[0]}")):
        DomainMixture([real, some])
