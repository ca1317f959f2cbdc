import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

from mmreidmix.camera_profiles import CameraProfiles
from mmreidmix.engine import (
    MemoryHook,
    MixtureHook,
    MomentumEncoderHook,
    ReMixHook,
)
from mmreidmix.engine.labelling.video_draw import VideoDraw
from mmreidmix.pseudo_labels import CollapsedFeaturesError, PseudoLabelResult
from tests.test_engine.tiny_run import TinyRun, embed_by, mixture_of
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


class Heard:
    """A hook that keeps the last clustering."""

    priority = 'LOWEST'

    def after_clustering(self, runner, clustering):
        self.clustering = clustering


class World:
    """A runner over 8 labelled images and 49 images of videos."""

    def __init__(self, monkeypatch, log, need=6, model=None):
        mixture = mixture_of(multi=('labelled', PIDS, CAMIDS),
                             single=('unlabelled', PERSONS + 100, VIDEOS))
        log.clear()  # what the data sets say of themselves
        self.domains, self.log = mixture.domains, log
        self.table = mixture.label_table
        self.model = model or build_model('ReMix', id_head=None, triplet=None)
        self.embedded = embed_by(monkeypatch, self.embed)
        self.runner = TinyRun(self.model, mixture, need=need)
        self.scalars = self.runner.scalars

    def embed(self, name, images):
        own = PERSONS if name == 'single' else PIDS
        return embeddings(own[images], name == 'single')

    def hooks(self, hook):
        """What is at work in a ReMix run."""
        self.heard = Heard()
        self.runner.register(MemoryHook(), MomentumEncoderHook(), hook,
                             MixtureHook(), self.heard)
        return hook

    def run(self, epoch=0, **options):
        hook = self.hooks(ReMixHook([], CLUSTERING, **options))
        self.runner.start(epoch)
        return hook

    def said(self, start):
        """The first line of the log that starts so."""
        return next(t for t in self.log.messages if t.startswith(start))


@pytest.fixture
def world(monkeypatch, log):
    return World(monkeypatch, log)


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
    text = world.said('Videos of single')
    assert 'clusters 6' in text and 'ari 1' in text
    assert 'the need of the epoch is met' in text
    assert world.scalars['pseudo_labels/single/pair_precision'] == 1


def test_model_and_hooks_hear_of_the_clustering(world):
    world.run()
    told, labels = world.heard.clustering, world.table.labels
    assert (told.first, told.num_classes, len(told.centroids)) == (4, 10, 6)
    assert sorted(told.images) == np.flatnonzero(labels >= 4).tolist()
    assert np.array_equal(told.clusters, labels[told.images] - 4)
    # Videos are cameras of their own, behind those of the labelled domain.
    assert np.array_equal(told.camids, VIDEOS[told.images - 8] + 3)
    persons = PERSONS[told.images - 8]
    for k in range(6):
        person, = set(persons[told.clusters == k])
        rows = told.embeddings[torch.from_numpy(told.clusters == k)]
        assert (rows @ embeddings(np.array([person]), True)[0] > 0.8).all()
        torch.testing.assert_close(told.centroids[k],
                                   F.normalize(rows.mean(0), dim=0))


def test_domain_without_a_place_in_the_batch(monkeypatch, log):
    world = World(monkeypatch, log, need=0)
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
    torch.testing.assert_close(memory.centroids[4:],
                               world.heard.clustering.centroids)
    # Identity x camera: 2 + 2 + 2 + 1 labelled rows.
    assert memory.rows_below(4) == 7
    assert memory.camids[:7].tolist() == [0, 1, 0, 1, 1, 2, 2]
    # Videos are cameras of their own: 3 and up.
    videos = {int(VIDEOS[i]) + 3 for i in np.flatnonzero(labels[8:] >= 0)}
    assert set(memory.camids[7:].tolist()) == videos


def test_seed_and_epoch_decide(monkeypatch, log):
    tables = []
    for seed, epoch in ((0, 0), (0, 0), (0, 1), (5, 0)):
        world = World(monkeypatch, log)
        world.runner.seed = seed
        world.run(epoch)
        tables.append(world.table.labels.tolist())
    assert tables[0] == tables[1]
    assert tables[0] != tables[2] and tables[0] != tables[3]


def test_all_videos_are_not_enough(monkeypatch, log):
    world = World(monkeypatch, log, need=100)
    world.run()
    assert world.table.num_classes == 4 + 12
    text = world.said('Videos of single')
    assert 'videos 5, videos_without_cluster 1' in text
    assert 'wanted 100; no more were drawn because there are no' in text


def test_cap(monkeypatch, log):
    world = World(monkeypatch, log, need=100)
    world.run(max_images=30)
    embedded = [n for name, n in world.embedded if name == 'single']
    assert 24 <= sum(embedded) <= 30  # two videos, perhaps the small one
    assert 'because max_images is reached' in log.text


def by_direction(features):
    labels = DBSCAN(eps=0.2, min_samples=2, metric='cosine').fit(
        features).labels_
    return PseudoLabelResult(labels, labels)


@pytest.mark.parametrize('scope', ['video', 'domain'])
def test_rounds_are_joined(monkeypatch, log, scope):
    monkeypatch.setattr(VideoDraw, 'FIRST_GUESS', 100)  # a video per round
    world = World(monkeypatch, log, need=12)
    people = PERSONS % 6  # each in two videos
    monkeypatch.setitem(globals(), 'PERSONS', people)
    hook = world.hooks(ReMixHook([], CLUSTERING, scope=scope))
    hook.clusterer = by_direction
    world.runner.start(0)
    assert len([n for name, n in world.embedded if name == 'single']) > 1
    labels = world.table.labels[8:]
    found = labels >= 0
    assert found.sum() >= 48
    whole = people if scope == 'domain' else people + 100 * VIDEOS
    assert adjusted_rand_score(labels[found], whole[found]) == 1
    told = world.heard.clustering
    assert np.array_equal(told.clusters, world.table.labels[told.images] - 4)
    assert world.model.memory.num_classes == world.table.num_classes


def test_collapsed_features_are_noise(world):
    def clusterer(features):
        if len(features) == 1:
            return PseudoLabelResult(*[np.full(1, -1)] * 2)
        raise CollapsedFeaturesError('all alike')

    hook = world.hooks(ReMixHook([], CLUSTERING))
    hook.clusterer = clusterer
    world.runner.start(0)
    assert (world.table.labels[8:] == -1).all()
    text = '12 images have no cluster in this epoch: all alike'
    assert text in world.log.messages
    assert {r.levelname for r in world.log.records
            if r.getMessage() == text} == {'WARNING'}


def test_small_clusters_are_dropped(monkeypatch, log):
    world = World(monkeypatch, log, need=100)
    world.run(min_size=5)
    assert world.table.num_classes == 4
    assert (world.table.labels[8:] == -1).all()
    assert world.model.memory.num_classes == 4
    assert 'no cluster survived' in log.text


def test_begin_waits_with_single_camera_data(world):
    world.run(begin=1)
    assert [name for name, _ in world.embedded] == ['multi']
    assert world.table.num_classes == world.model.memory.num_classes == 4
    world.runner.begin_epoch(1)
    assert world.table.num_classes >= 10


def test_labels_do_not_depend_on_true_identities(monkeypatch, log):
    tables = []
    for pids in (PERSONS, np.arange(49), np.full(49, -1)):
        world = World(monkeypatch, log)
        world.domains[1].records.pids[:] = pids
        world.run()
        tables.append(world.table.labels.tolist())
    assert tables[0] == tables[1] == tables[2]
    assert 'ari' not in log.text


def test_oracle_is_the_person_in_the_video(monkeypatch, log):
    world = World(monkeypatch, log, need=100)
    world.domains[1].records.pids[:] = PERSONS % 3  # seen in every video
    world.run(oracle=True)
    labels = world.table.labels[8:]
    assert labels[-1] == -1
    assert adjusted_rand_score(labels[:-1], PERSONS[:-1]) == 1


def test_online_embeds_multi_camera_images_once(world):
    world.run(refresh='online')
    before = world.model.memory.means[:7].clone()
    world.model.last_batch = (embeddings(PIDS[:2], True),
                              torch.tensor([0, 0]), torch.tensor([0, 1]))
    world.runner.call_hook('after_train_iter', batch_idx=0)
    moved = world.model.memory.means[:7].clone()
    assert not torch.equal(moved[:2], before[:2])
    assert torch.equal(moved[2:], before[2:])
    world.embedded.clear()
    world.runner.begin_epoch(1)
    assert {name for name, _ in world.embedded} == {'single'}
    assert torch.equal(world.model.memory.means[:7], moved)
    assert world.model.memory.num_classes == world.table.num_classes >= 10


def test_online_memory_survives_a_restart(monkeypatch, log):
    worlds = [World(monkeypatch, log)]
    worlds[0].run(refresh='online')
    checkpoint = worlds[0].runner.save()
    worlds.append(World(monkeypatch, log))
    worlds[1].hooks(ReMixHook([], CLUSTERING, refresh='online'))
    worlds[1].runner.load(checkpoint).start(0)
    assert {name for name, _ in worlds[1].embedded} == {'single'}
    for name in ('means', 'counts', 'labels', 'camids', 'centroids'):
        assert torch.equal(
            getattr(worlds[0].model.memory, name),
            getattr(worlds[1].model.memory, name)), name


def test_the_draw_is_computed_again_and_not_saved(world):
    world.run()
    checkpoint = world.runner.save()
    assert 'pseudo_labels' not in checkpoint
    assert 'centroids_memory' not in checkpoint


def test_share_of_the_epoch_is_logged(world):
    world.run()
    world.runner.call_hook('after_train_epoch')
    assert 'The start of epoch 1 took' in world.log.messages[-1]
    assert 0 < world.scalars['epoch_start/share'] < 1
    assert world.scalars['epoch_start/time_all'] >= world.scalars[
        'epoch_start/time_embed'] > 0
    assert world.scalars['epoch_start/time_cluster'] > 0


def test_what_is_said_about_the_data(world):
    world.run()
    assert '5 videos of 1 to 12 images, 1 of a single image' in world.said(
        'single: ')
    assert world.said('1 of 4 labelled identities are seen by one camera')


def test_a_domain_without_videos_is_one_video(world):
    world.domains[1].records.camids[:] = 0
    world.run()
    assert 'all images count as one video' in world.said('single: ')
    assert world.table.num_classes > 4


@pytest.mark.parametrize('kind', ['ReIDBaseline', 'DAAM', 'ClusterContrast'])
def test_any_model_can_be_trained_on_videos(monkeypatch, log, kind):
    """Also one without a momentum encoder, or without a memory."""
    world = World(monkeypatch, log, model=build_model(kind, id_head=None))
    world.run()
    assert world.table.num_classes == 10
    memory = world.model.memory
    assert memory is None or memory.num_classes == 10


@pytest.mark.parametrize('options', [
    dict(refresh='never'), dict(scope='camera'), dict(min_size=0),
    dict(max_images=0), dict(begin=-1)
])
def test_options_out_of_range(options):
    name, = options
    with pytest.raises(ValueError, match=f'ReMixHook: {name} must be '):
        ReMixHook([], **options)


def test_videos_are_drawn_in_every_epoch():
    with pytest.raises(TypeError, match='interval'):
        ReMixHook([], interval=2)
    assert ReMixHook([]).interval == 1


@pytest.mark.parametrize('oracle', [False, True])
@pytest.mark.parametrize('scope, people', [('video', 12), ('domain', 6)])
def test_people_who_come_back_in_another_video(monkeypatch, log, scope,
                                               people, oracle):
    # The persons of videos 0 and 1 are those of videos 2 and 3.
    monkeypatch.setitem(globals(), 'PERSONS', PERSONS % 6)
    world = World(monkeypatch, log, need=100)
    clustering = dict(CLUSTERING, k1=8 if scope == 'domain' else 4)
    monkeypatch.setitem(globals(), 'CLUSTERING', clustering)
    world.run(scope=scope, oracle=oracle)
    found = world.table.labels[8:]
    found, kept = found[found >= 0], found >= 0
    assert len(np.unique(found)) == people
    truth = PERSONS + 100 * VIDEOS * (scope == 'video')
    assert adjusted_rand_score(found, truth[kept]) == 1
    assert 'ari 1' in world.said('Videos of single')


def test_a_clusterer_gets_the_videos_as_cameras(monkeypatch, log):
    monkeypatch.setitem(globals(), 'PERSONS', PERSONS % 6)
    world = World(monkeypatch, log, need=100)
    clustering = dict(CLUSTERING, k1=4, k2=3, k1_intra=4)
    monkeypatch.setitem(globals(), 'CLUSTERING', clustering)
    world.run(scope='domain')
    found = world.table.labels[8:]
    kept = found >= 0
    assert len(np.unique(found[kept])) == 6
    assert adjusted_rand_score(found[kept], PERSONS[kept]) == 1


@pytest.mark.parametrize('negatives', ['video', 'certain'])
def test_scope_and_negatives_that_contradict(world, negatives):
    world.model.negatives = negatives
    with pytest.raises(ValueError, match=f"'{negatives}' needs .* 'separate'"):
        world.run(scope='domain')


def test_scope_suits_a_model_without_negatives(monkeypatch, log):
    world = World(monkeypatch, log, model=build_model('ReIDBaseline',
                                                      id_head=None))
    assert world.run(scope='domain').scope == 'domain'
    assert world.table.num_classes > 4


@pytest.mark.parametrize('options', [{}, dict(momentum_encoder=None)])
def test_images_are_embedded_by_the_momentum_encoder(monkeypatch, log,
                                                     options):
    """By the encoder itself where there is no other."""
    model = build_model('ReMix', id_head=None, triplet=None, **options)
    world = World(monkeypatch, log, model=model)
    world.run()
    encoder = model.momentum_encoder or model
    images = torch.rand(2, 3, 12, 8)
    with torch.no_grad():
        encoder.backbone.conv.weight.mul_(-1)
        rows = world.embedded.embed(images)
        torch.testing.assert_close(rows, model.embed(images, encoder))
        assert torch.allclose(rows, model.embed(images, model)) == (
            encoder is model)


def test_seconds_are_those_of_the_epoch(world):
    hook = world.run()
    hook.seconds['embed'] = 1e6
    world.runner.begin_epoch(1)
    assert set(hook.seconds) == {'embed', 'cluster', 'all'}
    assert hook.seconds['embed'] + hook.seconds['cluster'] <= (
        hook.seconds['all']) < 1e6


def test_camera_profiles_need_clusters_of_several_videos():
    with pytest.raises(ValueError, match="camera_profiles is for scope='doma"):
        ReMixHook([], CLUSTERING, camera_profiles=True)
    with pytest.raises(ValueError, match="k1_intra is for scope='domain', go"):
        ReMixHook([], dict(CLUSTERING, k1_intra=5))


def test_camera_profiles_of_drawn_videos(monkeypatch, log):
    world = World(monkeypatch, log)
    given = []

    def cluster(features):
        given.append(np.array(features))
        return PseudoLabelResult(np.arange(len(features)) // 4, None)

    hook = world.hooks(
        ReMixHook([], CLUSTERING, scope='domain', camera_profiles=True))
    hook.clusterer = cluster
    world.runner.start(0)
    told = world.heard.clustering
    rows = told.embeddings.numpy()
    people = PERSONS[told.images - 8]
    # rows as they were embedded: people are apart by more than their noise
    assert np.allclose(rows, embeddings(people, True), atol=0.3)
    videos = VIDEOS[told.images - 8]
    np.testing.assert_allclose(
        given[-1], CameraProfiles.from_embeddings(rows, videos).apply(
            rows, videos), atol=1e-6)
