from collections import Counter

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler

from mmreidmix.datasets import LabelTable, PKBatchSampler


class FakeMixture:
    """Labelled 'syn' (6 identities) and unlabelled 'real' (clusters given).

    Every identity has 6 images, two in each of 3 cameras.
    """

    def __init__(self, clusters=4):
        self.names = ['syn', 'real']
        pids = np.repeat(np.arange(6), 6)
        self.label_table = LabelTable([pids, None], [36, 36])
        labels = np.repeat(np.arange(6), 6)
        labels[labels >= clusters] = -1
        self.label_table.assign({1: labels})
        self.camids = np.tile(np.repeat([0, 1, 2], 2), 12)

    def __len__(self):
        return 72

    def domain_of(self, index):
        return np.asarray(index) // 36


def build(mixture=None, batch_size=16, seed=1, epoch=0, **kwargs):
    sampler = DefaultSampler(mixture or FakeMixture(), seed=seed)
    sampler.set_epoch(epoch)
    kwargs = dict(dict(quotas=dict(syn=1, real=1), iters_per_epoch=5),
                  **kwargs)
    return PKBatchSampler(sampler=sampler, batch_size=batch_size, **kwargs)


def labels_of(sampler, batch):
    table = sampler.mixture.label_table
    return [int(table.labels[key.index]) for key in batch]


def test_batches_hold_p_identities_of_k_images_by_quota():
    sampler = build()
    batches = list(sampler)
    assert len(batches) == len(sampler) == 5
    for batch in batches:
        labels = labels_of(sampler, batch)
        assert set(Counter(labels).values()) == {4}
        assert sum(label < 6 for label in labels) == 8
        # K images of one identity stand together.
        assert all(len(set(labels[i:i + 4])) == 1 for i in range(0, 16, 4))


def test_uneven_quotas_are_spread():
    sampler = build(batch_size=32, quotas=dict(syn=3, real=1))
    for batch in sampler:
        domains = [key.index // 36 for key in batch[::4]]
        assert sum(domains) == 2
        assert sum(domains[:4]) == sum(domains[4:]) == 1


def test_every_identity_is_seen_before_one_comes_again():
    sampler = build(batch_size=8, iters_per_epoch=12)
    labels = [labels_of(sampler, batch)[0] for batch in sampler]
    for start in range(0, 12, 6):
        assert sorted(labels[start:start + 6]) == list(range(6))


def test_other_images_come_from_other_cameras_without_repetition():
    sampler = build()
    for batch in sampler:
        for start in range(0, 16, 4):
            images = [key.index for key in batch[start:start + 4]]
            assert len(set(images)) == 4
            cameras = sampler.mixture.camids[images]
            assert cameras[0] not in cameras[1:]


def test_released_pool_has_no_quota():
    sampler = build(quotas=None, iters_per_epoch=50, seed=3)
    share = np.mean([
        key.index >= 36 for batch in sampler for key in batch
    ])
    assert share == pytest.approx(4 / 10, abs=0.02)


def test_seed_and_epoch_decide_everything():
    assert list(build()) == list(build())
    assert list(build()) != list(build(seed=2))
    assert list(build()) != list(build(epoch=1))


def test_processes_share_one_stream(monkeypatch):
    whole = list(build(batch_size=16))
    parts = []
    for rank in range(2):
        monkeypatch.setattr(
            'mmreidmix.datasets.samplers.pk_batch_sampler.get_dist_info',
            lambda rank=rank: (rank, 2))
        parts.append(list(build(batch_size=8)))
    assert [a + b for a, b in zip(*parts)] == whole


@pytest.mark.parametrize('batch_size,kwargs', [
    (18, {}),
    (16, dict(quotas=dict(syn=2, real=1))),
    (4, {}),
])
def test_batch_that_can_not_be_formed(batch_size, kwargs):
    with pytest.raises(ValueError, match='batch_size must be a multiple'):
        build(batch_size=batch_size, **kwargs)


@pytest.mark.parametrize('quotas, message', [
    (dict(syn=1, real=1, other=1), r"has \['other'\], .*_delete_=True"),
    (dict(syn=1), r"no number for the domains \['real'\]; 0 leaves"),
    (dict(syn=0, real=0), 'leave no domain a place'),
    (dict(syn=-1, real=2), r"quotas\['syn'\] must be an integer of at"),
    (dict(syn=1.5, real=2), r"quotas\['syn'\] must be an integer of at"),
    ({}, 'no number for')])
def test_wrong_quotas(quotas, message):
    with pytest.raises(ValueError, match=message):
        build(quotas=quotas)


def test_a_loader_without_sampler():
    with pytest.raises(ValueError, match="type='DefaultSampler'"):
        PKBatchSampler(None, batch_size=4, iters_per_epoch=1)


def test_no_cluster_leaves_the_labelled_domain():
    sampler = build(FakeMixture(clusters=0))
    for batch in sampler:
        assert all(key.index < 36 for key in batch)
        assert len(batch) == 16


def test_identity_with_one_image_is_repeated():
    mixture = FakeMixture()
    labels = np.full(36, -1)
    labels[7] = 0
    mixture.label_table.assign({1: labels})
    sampler = build(mixture)
    for batch in sampler:
        real = [key for key in batch if key.index >= 36]
        assert {key.index for key in real} == {36 + 7}
        assert len({key.seed for key in real}) == 8


def test_images_per_identity_of_each_domain():
    sampler = build(
        batch_size=20, quotas=dict(syn=2, real=1),
        num_instances=dict(syn=4, real=2))
    for batch in sampler:
        counts = Counter(labels_of(sampler, batch))
        assert len(batch) == 20
        assert sum(counts[k] for k in counts if k < 6) == 16
        assert all(counts[k] % (4 if k < 6 else 2) == 0 for k in counts)
    assert sampler.identities_per_epoch(0) == 4 * 5
    assert sampler.identities_per_epoch(1) == 2 * 5


@pytest.mark.parametrize('options', [
    dict(num_instances=dict(syn=4)),
    dict(num_instances=dict(syn=4, real=4), quotas=None),
    dict(num_instances=dict(syn=4, real=4, other=4)),
    dict(same_camera=dict(other=2)),
    dict(same_camera=dict(real=0)),
])
def test_domains_of_options(options):
    with pytest.raises(ValueError, match='PKBatchSampler: (num_inst|same_)'):
        build(**options)


def test_places_where_domains_share_a_pool():
    sampler = build(quotas=None)
    assert sampler.identities_per_epoch(0) == 4 * 5
    assert sampler.identities_per_epoch(1) == 4 * 5


class Videos(FakeMixture):
    """Clusters 0, 2, 4 of 'real' are of one video, 1, 3, 5 of another."""

    def __init__(self):
        super().__init__(clusters=6)
        self.camids[36:] = np.tile(np.repeat([7, 8], 6), 3)


def test_runs_of_identities_of_one_video():
    sampler = build(
        Videos(), same_camera=dict(real=3), batch_size=24,
        iters_per_epoch=6)
    videos = []
    for batch in sampler:
        images = [key.index for key in batch if key.index >= 36]
        labels = {int(k) for k in sampler.mixture.label_table.labels[images]}
        assert len(labels) == 3  # each once, though of one video
        video, = set(sampler.mixture.camids[images])
        videos.append(int(video))
    # Both videos are used before one comes again.
    assert all(sorted(videos[i:i + 2]) == [7, 8] for i in range(0, 6, 2))


def test_without_the_option_videos_are_mixed():
    sampler = build(Videos(), batch_size=24, iters_per_epoch=6)
    mixed = [
        len({int(sampler.mixture.camids[k.index]) for k in batch
             if k.index >= 36}) for batch in sampler
    ]
    assert 2 in mixed


def test_batches_without_the_new_options_are_as_ever():
    """Seeded batches are part of what a published figure stands on."""
    batch = next(iter(build(seed=1, epoch=0)))
    assert [key.index for key in batch] == [
        29, 27, 24, 26, 47, 44, 43, 45, 0, 5, 2, 4, 36, 41, 39, 38
    ]
    assert [key.seed for key in batch[:2]] == [1777477785, 551886181]


def test_no_identity_at_all():
    mixture = FakeMixture()
    mixture.label_table = LabelTable([None, None], [36, 36])
    with pytest.raises(ValueError, match='no image of the mixture'):
        list(build(mixture))
