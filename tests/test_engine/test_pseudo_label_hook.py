from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import adjusted_rand_score

from mmreidmix.engine import MixtureHook, PseudoLabelHook
from mmreidmix.pseudo_labels import (
    FINCH,
    CollapsedFeaturesError,
    PseudoLabelResult,
)
from mmreidmix.registry import TASK_UTILS
from tests.test_engine.tiny_run import (
    Listener,
    TinyRun,
    embed_by,
    mixture_of,
)

PIDS = np.repeat([7, 3, 9, 5], 6)
SYN = ('labelled', [1, 1, 2, 2, 2], [0, 0, 1, 0, 1])
CLUSTERING = dict(k1=5, k2=2, eps=0.5, min_samples=3, min_size=3)


def embeddings(seed=0):
    """Four tight groups of six unit vectors, as PIDS has them."""
    rng = np.random.default_rng(seed)
    centres = np.eye(8)[:4].repeat(6, axis=0)
    rows = torch.tensor(centres + 0.05 * rng.standard_normal((24, 8)))
    return F.normalize(rows.float())


def real():
    return 'unlabelled', PIDS.copy(), np.tile([0, 1, 2], 8)


@pytest.fixture
def world(monkeypatch, log):
    """A runner over 5 labelled and 24 unlabelled images, and its log."""
    embed_by(monkeypatch, lambda name, images: embeddings()[images])
    mixture = mixture_of(syn=SYN, real=real())
    log.clear()  # what the data sets say of themselves
    runner = TinyRun(Listener(), mixture)
    return SimpleNamespace(
        runner=runner, table=runner.table, real=mixture.domains[1],
        scalars=runner.scalars, log=log)


def run(world, hook, *epochs):
    world.runner.register(MixtureHook(), hook)
    world.runner.start(*epochs or [0])
    return hook


def said(world, text, level='INFO'):
    """The one line of the log that has a text in it."""
    found, = [r for r in world.log.records if text in r.getMessage()]
    assert found.levelname == level
    return found.getMessage()


def test_relabels_and_tells_the_model(world):
    run(world, PseudoLabelHook([], CLUSTERING))
    labels = world.table.labels
    assert labels[:5].tolist() == [0, 0, 1, 1, 1]
    kept = labels[5:] >= 0
    assert kept.sum() >= 20
    assert adjusted_rand_score(labels[5:][kept], PIDS[kept]) == 1
    assert world.table.num_classes == 6
    told, = world.runner.model.heard
    assert (told.first, told.num_classes) == (2, 6)
    assert len(told.centroids) == 4
    for k in range(4):
        mean = embeddings()[labels[5:] == 2 + k].mean(0)
        torch.testing.assert_close(told.centroids[k], F.normalize(mean, dim=0))
    text = said(world, 'Pseudo labels of real, epoch 1: ')
    assert 'clusters 4' in text and 'extract' in text
    assert world.scalars['pseudo_labels/real/clusters'] == 4
    assert world.scalars['pseudo_labels/real/ari'] == 1
    assert world.scalars['pseudo_labels/real/time_extract'] >= 0


def test_tells_the_model_the_clustered_images(world):
    run(world, PseudoLabelHook([], CLUSTERING))
    told, = world.runner.model.heard
    clustered = np.flatnonzero(world.table.labels >= 2)
    assert 0 < len(clustered) < 24
    np.testing.assert_array_equal(told.images, clustered)
    np.testing.assert_array_equal(
        told.clusters, world.table.labels[clustered] - 2)
    # Behind the two cameras of the labelled domain.
    np.testing.assert_array_equal(told.camids, 2 + (clustered - 5) % 3)
    torch.testing.assert_close(told.embeddings, embeddings()[clustered - 5])


@pytest.mark.parametrize('interval,saved', [(1, False), (2, True),
                                            (None, True)])
def test_state_of_the_model_is_saved_between_clusterings(
        world, interval, saved):
    run(world, PseudoLabelHook([], CLUSTERING, interval=interval))
    checkpoint = world.runner.save()
    assert ('model' in checkpoint['pseudo_labels']) == saved
    world.runner.load(checkpoint)
    assert world.runner.model.state == (dict(heard=1) if saved else None)


def test_state_of_the_model_comes_back_only_on_resume(world):
    run(world, PseudoLabelHook([], CLUSTERING, interval=2))
    world.runner.load(world.runner.save(), resume=False)
    assert world.runner.model.state is None


def test_labels_do_not_depend_on_true_identities(world):
    """They are read for the report alone."""
    tables = []
    for pids in (PIDS, np.arange(24), np.full(24, -1)):
        world.log.clear()
        world.real.records.pids[:] = pids
        run(world, PseudoLabelHook([], CLUSTERING))
        tables.append(world.table.labels.tolist())
    assert tables[0] == tables[1] == tables[2]
    assert 'ari' not in world.log.text  # nothing to compare with


def test_threshold_of_the_first_clustering_is_kept(world):
    hook = PseudoLabelHook([], CLUSTERING)
    given = []

    def cluster(features, alpha=None):
        given.append(alpha)
        labels = np.arange(24) // 6
        return PseudoLabelResult(
            labels, labels, alpha=0.25 if alpha is None else alpha)

    hook.clusterer = cluster
    run(world, hook, 0, 1, 2)
    assert given == [None, 0.25, 0.25]


@pytest.mark.parametrize('resume', [True, False])
def test_threshold_comes_back_only_on_resume(world, resume):
    first = run(world, PseudoLabelHook([], CLUSTERING))
    checkpoint = world.runner.save()
    second = PseudoLabelHook([], CLUSTERING)
    world.runner.register(second)
    world.runner.load(checkpoint, resume)
    assert second.alphas == (first.alphas if resume else {})
    assert first.alphas['real'] is not None


@pytest.mark.parametrize('camera_profiles', [False, True])
def test_camera_profiles_change_what_is_clustered_alone(
        world, monkeypatch, camera_profiles):
    """Images of a camera share an offset that outweighs who is on them."""
    cameras = np.tile([0, 1, 2], 8)
    shifted = F.normalize(
        embeddings() + 3 * torch.eye(8)[4:7][torch.from_numpy(cameras)])
    embed_by(monkeypatch, lambda name, images: shifted[images])
    run(world, PseudoLabelHook([], CLUSTERING, reset_moments=False,
                               camera_profiles=camera_profiles))
    told, = world.runner.model.heard
    torch.testing.assert_close(told.embeddings, shifted[told.images - 5])
    found = told.clusters
    pure = adjusted_rand_score(found, PIDS[told.images - 5])
    assert (pure == 1) == camera_profiles
    if not camera_profiles:
        assert adjusted_rand_score(found, cameras[told.images - 5]) == 1


def test_no_surviving_cluster_is_said_and_not_fatal(world):
    run(world, PseudoLabelHook([], dict(CLUSTERING, min_size=20)))
    assert (world.table.labels[5:] == -1).all()
    assert world.table.num_classes == 2
    said(world, 'Pseudo labels of real, epoch 1: no cluster survived, all 24 '
         'images', 'WARNING')
    told, = world.runner.model.heard
    assert told.centroids.shape == told.embeddings.shape == (0, 8)
    assert len(told.images) == len(told.clusters) == len(told.camids) == 0


def test_collapsed_features_are_said_and_not_fatal(world):
    def collapsed(features, alpha=None):
        raise CollapsedFeaturesError('all images are alike')

    hook = PseudoLabelHook([], CLUSTERING)
    hook.alphas['real'] = 0.5
    hook.clusterer = collapsed
    run(world, hook)
    assert (world.table.labels[5:] == -1).all()
    text = said(world, 'all images are alike', 'WARNING')
    assert text == 'real: all images are alike'
    assert hook.alphas == dict(real=0.5)


def test_other_errors_of_the_clustering_stop_the_run(world):
    hook = PseudoLabelHook([], CLUSTERING)

    def broken(features, alpha=None):
        raise ValueError('a vector is not finite')

    hook.clusterer = broken
    with pytest.raises(ValueError, match='not finite'):
        run(world, hook)


def test_one_giant_cluster_is_said(world):
    hook = PseudoLabelHook([], CLUSTERING)
    hook.clusterer = lambda features, alpha=None: PseudoLabelResult(
        labels=np.array([0] * 18 + [1] * 6), clusters=None)
    run(world, hook)
    report = said(world, 'Pseudo labels of real, epoch 1: images 24')
    warning = said(world, 'one cluster holds 75% of 24 images', 'WARNING')
    assert warning.startswith('Pseudo labels of real, epoch 1: ')
    assert 'Lower eps' in warning
    assert world.scalars['pseudo_labels/real/collapsed'] == 1
    assert world.scalars['pseudo_labels/real/size_hist/16-31'] == 1
    assert 'size_hist/16-31 1' in report
    assert 'size_hist/2-3' not in report  # no room for zeros


@pytest.mark.parametrize('clustering', [
    dict(type='JaccardDBSCAN', **CLUSTERING), dict(type='FINCH'),
    dict(type=FINCH, num_clusters=4), dict(type='KMeans', num_clusters=4),
    dict(CLUSTERING, backend='faiss')])
def test_clusterers_by_name(world, clustering):
    run(world, PseudoLabelHook([], clustering))
    labels = world.table.labels[5:]
    kept = labels >= 0
    assert kept.sum() >= 20
    if 'num_clusters' in clustering:
        assert world.table.num_classes == 6
    assert world.scalars['pseudo_labels/real/clusters'] >= 2


def test_clusterer_of_the_user(world):
    given = []

    @TASK_UTILS.register_module(name='EveryThird', force=True)
    class EveryThird:

        def __init__(self, first):
            self.first = first

        def __call__(self, features, alpha=None):
            given.append((features, alpha))
            labels = np.where(np.arange(24) < 6, -1, np.arange(24) % 3 * 7)
            return PseudoLabelResult(labels=labels, clusters=labels)

    hook = PseudoLabelHook([], dict(type='EveryThird', first=6))
    assert hook.clusterer.first == 6
    run(world, hook)
    (features, alpha), = given
    np.testing.assert_array_equal(features, embeddings().numpy())
    assert alpha is None
    labels = world.table.labels[5:]
    assert labels.tolist() == [-1] * 6 + [2, 3, 4] * 6


def test_a_clusterer_must_label_every_image(world):
    hook = PseudoLabelHook([], CLUSTERING)
    hook.clusterer = lambda features, alpha=None: PseudoLabelResult(
        labels=np.zeros(23, int), clusters=None)
    with pytest.raises(ValueError, match=r'\(23,\)'):
        run(world, hook)


def test_unknown_clusterer():
    with pytest.raises(ValueError, match="'HDBSCAN' is unknown: expected one "
                       'of JaccardDBSCAN, FINCH, KMeans, or'):
        PseudoLabelHook([], dict(type='HDBSCAN'))


def test_wrong_option_of_a_clusterer():
    with pytest.raises(ValueError, match='k1 must be an integer .* got 0'):
        PseudoLabelHook([], dict(k1=0))
    with pytest.raises(ValueError, match=(
            "JaccardDBSCAN has no option 'radius', only k1, .*min_samples")):
        PseudoLabelHook([], dict(radius=1))


def test_bad_embeddings_are_named(world, monkeypatch):
    rows = embeddings()
    rows[5] = float('nan')
    embed_by(monkeypatch, lambda name, images: rows)
    with pytest.raises(ValueError, match='NaN or infinity: indices 5'):
        run(world, PseudoLabelHook([], CLUSTERING))


def test_oracle_uses_the_true_identities(world):
    run(world, PseudoLabelHook([], oracle=True))
    labels = world.table.labels[5:]
    assert set(labels) == {2, 3, 4, 5}
    assert adjusted_rand_score(labels, PIDS) == 1


def test_oracle_leaves_unknown_identities_out(world):
    world.real.records.pids[:6] = -1
    run(world, PseudoLabelHook([], oracle=True))
    assert (world.table.labels[5:11] == -1).all()
    assert world.table.num_classes == 2 + 3


def test_parts_of_a_domain_have_their_turn(world, monkeypatch):
    asked = []

    def embed(name, images):
        asked.append(images)
        return embeddings()[images]

    embed_by(monkeypatch, embed)
    world.real.records.tracklets[:] = np.arange(24) // 6
    given = []

    def cluster(features, alpha=None):
        given.append(features)
        return PseudoLabelResult(np.zeros(len(features), int), None)

    hook = PseudoLabelHook([], CLUSTERING, max_images=12)
    hook.clusterer = cluster
    run(world, hook, 0)
    first = world.table.labels[5:].copy()
    run(world, hook, 1)
    second = world.table.labels[5:]
    assert (first >= 0).sum() == (second >= 0).sum() == 12
    assert ((first >= 0) != (second >= 0)).all()
    for images, features, labels in zip(asked, given, (first, second)):
        np.testing.assert_array_equal(images, np.flatnonzero(labels >= 0))
        np.testing.assert_array_equal(features, embeddings()[images])
    told = world.runner.model.heard[-1]
    np.testing.assert_array_equal(told.images, 5 + asked[1])
    torch.testing.assert_close(told.embeddings, embeddings()[asked[1]])
    assert 'real: part 1 of 2, 12 of 24 images' in world.log.text
    assert 'real: part 2 of 2, 12 of 24 images' in world.log.text


def test_parts_need_more_than_one_clustering():
    with pytest.raises(ValueError, match='interval=None .* max_images'):
        PseudoLabelHook([], max_images=5, interval=None)
    with pytest.raises(ValueError, match='max_images'):
        PseudoLabelHook([], max_images=0)


def test_two_unlabelled_domains(world):
    mixture = mixture_of(
        real=real(), syn=('labelled', [1, 2], [0, 0]), other=real())
    world.runner.train_dataloader.dataset = mixture
    run(world, PseudoLabelHook([], CLUSTERING))
    table = mixture.label_table
    assert table.num_classes == 2 + 4 + 4
    told, = world.runner.model.heard
    assert (len(told.centroids), told.first) == (8, 2)
    torch.testing.assert_close(told.centroids[:4], told.centroids[4:])
    own, rest = table.labels[:24], table.labels[26:]
    assert np.array_equal(rest[rest >= 0], own[own >= 0] + 4)
    np.testing.assert_array_equal(
        told.images, np.flatnonzero(table.labels >= 2))
    np.testing.assert_array_equal(
        told.clusters, table.labels[told.images] - 2)
