from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

import mmreidmix.engine.hooks.pseudo_label_hook as pseudo_label_hook
import mmreidmix.engine.hooks.remix_hook as module
from mmreidmix.datasets import LabelTable, ReIDRecords
from mmreidmix.engine import ReMixHook
from mmreidmix.engine.hooks.remix_hook import drop_small, true_clusters
from mmreidmix.engine.hooks.video_draw import VideoDraw
from mmreidmix.pseudo_labels import CollapsedFeaturesError, PseudoLabelResult
from tests.tiny_model import build_model

CLUSTERING = dict(k1=4, k2=2, eps=0.5, min_samples=2, criteria=None)
# 4 videos of 3 persons with 4 images each, and a video of one image.
PERSONS = np.append(np.arange(12).repeat(4), 12)
VIDEOS = np.append(np.arange(4).repeat(12), 4)
# 4 labelled identities; identity 8 is seen by one camera only.
PIDS = np.array([5, 5, 6, 6, 7, 7, 8, 8])
CAMIDS = np.array([0, 1, 0, 1, 1, 2, 2, 2])


def embeddings(images, seed):
    """Images of a person look alike."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((20, 16))[images]
    noise = 0.1 * np.random.default_rng(1).standard_normal((len(images), 16))
    return F.normalize(torch.tensor(centres + noise).float())


class Domain(SimpleNamespace):
    def __len__(self):
        return len(self.records)


class World:
    """A runner over 8 labelled images and 49 images of videos."""

    def __init__(self, monkeypatch, need=6):
        self.said, self.scalars, self.embedded = [], {}, []
        names = ['multi', 'single']
        columns = ((PIDS, CAMIDS), (PERSONS + 100, VIDEOS))
        self.domains = [
            Domain(name=name, pipeline=None, records=ReIDRecords.from_columns(
                [f'{i}.jpg' for i in range(len(pids))], pids, camids))
            for name, (pids, camids) in zip(names, columns)
        ]
        self.table = LabelTable([PIDS, None], [8, 49])
        mixture = SimpleNamespace(
            domains=self.domains, names=names, label_table=self.table)
        mixture = MixtureOf(mixture)
        self.model = build_model('ReMix', id_head=None, triplet=None)
        monkeypatch.setattr(pseudo_label_hook, 'extract_embeddings',
                            self.embed)
        monkeypatch.setattr(
            module, 'print_log',
            lambda message, **kwargs: self.said.append(message))
        sampler = SimpleNamespace(identities_per_epoch=lambda domain: need)
        self.runner = SimpleNamespace(
            epoch=0, iter=0, seed=0, _resume=True, model=self.model,
            train_dataloader=SimpleNamespace(
                dataset=mixture, batch_sampler=sampler),
            optim_wrapper=OptimWrapper(
                torch.optim.SGD(self.model.parameters(), lr=0.1)),
            logger=SimpleNamespace(
                info=self.said.append, warning=self.said.append),
            visualizer=SimpleNamespace(
                add_scalars=lambda values, step: self.scalars.update(values)))

    def embed(self, model, subset, embed, **kwargs):
        assert model is self.model and embed == model.momentum_embeddings
        domain = subset.dataset
        assert domain.pipeline is not None
        self.embedded.append((domain.name, len(subset)))
        own = PERSONS if domain.name == 'single' else PIDS
        return embeddings(own[subset.indices], domain.name == 'single')

    def run(self, epoch=0, **options):
        hook = ReMixHook([], CLUSTERING, **options)
        hook.before_train(self.runner)
        self.runner.epoch = epoch
        hook.before_train_epoch(self.runner)
        return hook


class MixtureOf(SimpleNamespace):
    def __init__(self, parts):
        super().__init__(**vars(parts))

    def __len__(self):
        return 57


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


def test_pseudo_identities_of_drawn_videos(world):
    world.run()
    labels = world.table.labels[8:]
    found = labels >= 0
    assert world.table.labels[:8].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    # Two videos of three persons satisfy the need of 6.
    assert len(np.unique(VIDEOS[found])) == 2
    assert found.sum() == 24
    assert adjusted_rand_score(labels[found], PERSONS[found]) == 1
    assert sorted(set(labels[found])) == list(range(4, 10))
    assert world.table.num_classes == 10
    text = next(t for t in world.said if t.startswith('Videos of single'))
    assert 'clusters 6' in text and 'ari 1' in text
    assert 'the need of the epoch is met' in text
    assert world.scalars['pseudo_labels/single/pair_precision'] == 1


def test_domain_without_a_place_in_the_batch(monkeypatch):
    world = World(monkeypatch, need=0)
    world.run()
    assert world.embedded == [('multi', 8)]
    assert world.table.num_classes == 4
    assert world.model.memory.num_classes == 4


def test_memory_holds_centres_of_both_kinds(world):
    world.run()
    memory, labels = world.model.memory, world.table.labels
    assert memory.num_classes == 10
    own = embeddings(PIDS, False)
    for k in range(4):
        torch.testing.assert_close(
            memory.centroids[k], F.normalize(own[2 * k:2 * k + 2].sum(0),
                                             dim=0))
    # Identity x camera: 2 + 2 + 2 + 1 labelled rows.
    assert memory.rows_below(4) == 7
    assert memory.camids[:7].tolist() == [0, 1, 0, 1, 1, 2, 2]
    # Videos are cameras of their own: 3 and up.
    videos = {int(VIDEOS[i]) + 3 for i in np.flatnonzero(labels[8:] >= 0)}
    assert set(memory.camids[7:].tolist()) == videos


def test_seed_and_epoch_decide(monkeypatch):
    tables = []
    for seed, epoch in ((0, 0), (0, 0), (0, 1), (5, 0)):
        world = World(monkeypatch)
        world.runner.seed = seed
        world.run(epoch)
        tables.append(world.table.labels.tolist())
    assert tables[0] == tables[1]
    assert tables[0] != tables[2] and tables[0] != tables[3]


def test_all_videos_are_not_enough(monkeypatch):
    world = World(monkeypatch, need=100)
    world.run()
    assert world.table.num_classes == 4 + 12
    text = next(t for t in world.said if t.startswith('Videos of single'))
    assert 'videos 5, videos_without_cluster 1' in text
    assert 'wanted 100; no more were drawn because there are no' in text


def test_cap(monkeypatch):
    world = World(monkeypatch, need=100)
    world.run(max_images=30)
    embedded = [n for name, n in world.embedded if name == 'single']
    assert 24 <= sum(embedded) <= 30  # two videos, perhaps the small one
    assert 'because max_images is reached' in ''.join(world.said)


def by_direction(features):
    labels = DBSCAN(eps=0.2, min_samples=2, metric='cosine').fit(
        features).labels_
    return PseudoLabelResult(labels, labels)


@pytest.mark.parametrize('scope', ['video', 'domain'])
def test_rounds_are_joined(monkeypatch, scope):
    monkeypatch.setattr(VideoDraw, 'FIRST_GUESS', 100)  # a video per round
    world = World(monkeypatch, need=12)
    people = PERSONS % 6  # each in two videos
    monkeypatch.setitem(globals(), 'PERSONS', people)
    hook = ReMixHook([], CLUSTERING, scope=scope)
    hook.clusterer = by_direction
    hook.before_train(world.runner)
    hook.before_train_epoch(world.runner)
    assert len([n for name, n in world.embedded if name == 'single']) > 1
    labels = world.table.labels[8:]
    found = labels >= 0
    assert found.sum() >= 48
    whole = people if scope == 'domain' else people + 100 * VIDEOS
    assert adjusted_rand_score(labels[found], whole[found]) == 1


def test_collapsed_features_are_noise(world):
    def clusterer(features):
        if len(features) == 1:
            return PseudoLabelResult(*[np.full(1, -1)] * 2)
        raise CollapsedFeaturesError('all alike')

    hook = ReMixHook([], CLUSTERING)
    hook.clusterer = clusterer
    hook.before_train(world.runner)
    hook.before_train_epoch(world.runner)
    assert (world.table.labels[8:] == -1).all()
    assert '12 images have no cluster in this epoch: all alike' in world.said


def test_small_clusters_are_dropped(monkeypatch):
    world = World(monkeypatch, need=100)
    world.run(min_size=5)
    assert world.table.num_classes == 4
    assert (world.table.labels[8:] == -1).all()
    assert world.model.memory.num_classes == 4
    assert 'no cluster survived' in ''.join(world.said)


def test_begin_waits_with_single_camera_data(world):
    hook = world.run(begin=1)
    assert [name for name, _ in world.embedded] == ['multi']
    assert world.table.num_classes == world.model.memory.num_classes == 4
    world.runner.epoch = 1
    hook.before_train_epoch(world.runner)
    assert world.table.num_classes >= 10


def test_labels_do_not_depend_on_true_identities(monkeypatch):
    tables = []
    for pids in (PERSONS, np.arange(49), np.full(49, -1)):
        world = World(monkeypatch)
        world.domains[1].records.pids[:] = pids
        world.run()
        tables.append(world.table.labels.tolist())
    assert tables[0] == tables[1] == tables[2]
    assert 'ari' not in ''.join(world.said)


def test_oracle_is_the_person_in_the_video(monkeypatch):
    world = World(monkeypatch, need=100)
    world.domains[1].records.pids[:] = PERSONS % 3  # seen in every video
    world.run(oracle=True)
    labels = world.table.labels[8:]
    assert labels[-1] == -1
    assert adjusted_rand_score(labels[:-1], PERSONS[:-1]) == 1


def test_online_embeds_multi_camera_images_once(world):
    hook = world.run(refresh='online')
    before = world.model.memory.means[:7].clone()
    world.model.seen = (embeddings(PIDS[:2], True),
                        torch.tensor([0, 0]), torch.tensor([0, 1]))
    hook.after_train_iter(world.runner, 0)
    moved = world.model.memory.means[:7].clone()
    assert not torch.equal(moved[:2], before[:2])
    assert torch.equal(moved[2:], before[2:])
    world.embedded.clear()
    world.runner.epoch = 1
    hook.before_train_epoch(world.runner)
    assert {name for name, _ in world.embedded} == {'single'}
    assert torch.equal(world.model.memory.means[:7], moved)
    assert world.model.memory.num_classes == world.table.num_classes >= 10


def test_online_memory_survives_a_restart(monkeypatch):
    checkpoint, worlds = {}, [World(monkeypatch)]
    hook = worlds[0].run(refresh='online')
    hook.before_save_checkpoint(worlds[0].runner, checkpoint)
    worlds.append(World(monkeypatch))
    other = ReMixHook([], CLUSTERING, refresh='online')
    other.after_load_checkpoint(worlds[1].runner, checkpoint)
    other.before_train(worlds[1].runner)
    other.before_train_epoch(worlds[1].runner)
    assert {name for name, _ in worlds[1].embedded} == {'single'}
    for name in ('means', 'counts', 'labels', 'camids', 'centroids'):
        assert torch.equal(
            getattr(worlds[0].model.memory, name),
            getattr(worlds[1].model.memory, name)), name


def test_momentum_encoder_follows_each_update_of_the_weights(world):
    hook = world.run()
    world.runner.optim_wrapper = OptimWrapper(
        torch.optim.SGD(world.model.parameters(), lr=0.1),
        accumulative_counts=2)
    loss = torch.ones((), requires_grad=True)
    steps = []
    for i in range(4):
        world.runner.optim_wrapper.update_params(loss * 1)
        hook.after_train_iter(world.runner, i)
        steps.append(int(world.model.momentum_encoder.steps))
    assert steps == [0, 1, 1, 2]


def test_share_of_the_epoch_is_logged(world):
    hook = world.run()
    hook.after_train_epoch(world.runner)
    assert 'The start of epoch 1 took' in world.said[-1]
    assert 0 < world.scalars['remix/share'] < 1
    assert world.scalars['remix/time_all'] >= world.scalars[
        'remix/time_embed'] > 0


def test_what_is_said_about_the_data(world):
    world.run()
    assert '5 videos of 1 to 12 images, 1 of a single image' in world.said[0]
    assert '1 of 4 labelled identities are seen by one camera' in (
        world.said[1])


def test_a_domain_without_videos_is_one_video(world):
    world.domains[1].records.camids[:] = 0
    world.run()
    assert 'all images count as one video' in world.said[0]
    assert world.table.num_classes > 4


def test_model_without_momentum_encoder(world):
    world.runner.model = build_model('ReIDBaseline')
    with pytest.raises(TypeError, match='got ReIDBaseline'):
        ReMixHook([]).before_train(world.runner)


@pytest.mark.parametrize('options', [
    dict(refresh='never'), dict(scope='camera'), dict(min_size=0),
    dict(max_images=0),
    dict(begin=-1)
])
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match='ReMixHook|begin'):
        ReMixHook([], **options)


def test_drop_small():
    labels = np.array([0, 2, 2, -1, 1, 1, 1])
    assert drop_small(labels, 2).tolist() == [-1, 0, 0, -1, 1, 1, 1]
    assert drop_small(labels[:1], 2).tolist() == [-1]
    assert drop_small(labels[:0], 2).tolist() == []


def test_true_clusters():
    pids, groups = np.array([3, -1, 3, 3]), np.array([0, 0, 1, 0])
    assert true_clusters(pids, groups).tolist() == [0, -1, 1, 0]
    assert true_clusters(pids, 0 * groups).tolist() == [0, -1, 0, 0]


@pytest.mark.parametrize('oracle', [False, True])
@pytest.mark.parametrize('scope, people', [('video', 12), ('domain', 6)])
def test_people_who_come_back_in_another_video(monkeypatch, scope, people,
                                               oracle):
    # The persons of videos 0 and 1 are those of videos 2 and 3.
    monkeypatch.setitem(globals(), 'PERSONS', PERSONS % 6)
    world = World(monkeypatch, need=100)
    clustering = dict(CLUSTERING, k1=8 if scope == 'domain' else 4)
    monkeypatch.setitem(globals(), 'CLUSTERING', clustering)
    world.run(scope=scope, oracle=oracle)
    found = world.table.labels[8:]
    found, kept = found[found >= 0], found >= 0
    assert len(np.unique(found)) == people
    truth = PERSONS + 100 * VIDEOS * (scope == 'video')
    assert adjusted_rand_score(found, truth[kept]) == 1
    text = next(t for t in world.said if t.startswith('Videos of single'))
    assert 'ari 1' in text


@pytest.mark.parametrize('negatives', ['video', 'certain'])
def test_scope_and_negatives_that_contradict(world, negatives):
    world.model.negatives = negatives
    with pytest.raises(ValueError, match=f"'{negatives}' needs .* 'separate'"):
        world.run(scope='domain')
