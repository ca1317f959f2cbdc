from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import OptimWrapper
from sklearn.metrics import adjusted_rand_score

import mmreidmix.engine.hooks.pseudo_label_hook as module
from mmreidmix.datasets import LabelTable, ReIDRecords
from mmreidmix.engine import PseudoLabelHook, cluster_centroids
from mmreidmix.engine.hooks.pseudo_label_hook import (
    forget_pseudo_rows,
    share_result,
)
from mmreidmix.pseudo_labels import (
    FINCH,
    CollapsedFeaturesError,
    PseudoLabelResult,
)
from mmreidmix.registry import TASK_UTILS
from tests.tiny_model import build_model

PIDS = np.repeat([7, 3, 9, 5], 6)
CLUSTERING = dict(k1=5, k2=2, eps=0.5, min_samples=3, min_size=3)


def embeddings(seed=0):
    """Four tight groups of six unit vectors, as PIDS has them."""
    rng = np.random.default_rng(seed)
    centres = np.eye(8)[:4].repeat(6, axis=0)
    rows = torch.tensor(centres + 0.05 * rng.standard_normal((24, 8)))
    return F.normalize(rows.float())


class Model:
    """Hears of pseudo labels and remembers what it was told."""

    id_head = None
    embeds_labelled = False

    def __init__(self):
        self.calls = []
        self.clustered = []

    def begin_pseudo_labels(self, centroids, first, images, embeddings):
        self.calls.append((centroids, first))
        self.clustered.append((images, embeddings))


class Domain(SimpleNamespace):
    def __len__(self):
        return len(self.records)


@pytest.fixture
def world(monkeypatch):
    """A runner over 5 labelled and 24 unlabelled images, and its log."""
    said, scalars = [], {}
    records = ReIDRecords.from_columns(
        [f'{i}.jpg' for i in range(24)], PIDS, np.tile([0, 1, 2], 8))
    real = Domain(name='real', records=records, pipeline=None)
    table = LabelTable([np.array([1, 1, 2, 2, 2]), None], [5, 24])
    monkeypatch.setattr(module, 'extract_embeddings',
                        lambda *args, **kwargs: embeddings())
    monkeypatch.setattr(module, 'print_log',
                        lambda message, **kwargs: said.append(message))
    logger = SimpleNamespace(info=said.append, warning=said.append)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])
    mixture = SimpleNamespace(
        label_table=table, domains=[None, real], names=['syn', 'real'])
    runner = SimpleNamespace(
        epoch=0,
        iter=0,
        _resume=True,
        model=Model(),
        train_dataloader=SimpleNamespace(dataset=mixture),
        optim_wrapper=OptimWrapper(optimizer),
        logger=logger,
        visualizer=SimpleNamespace(
            add_scalars=lambda values, step: scalars.update(values)))
    return SimpleNamespace(
        runner=runner, table=table, real=real, said=said, scalars=scalars)


def test_relabels_and_tells_the_model(world):
    hook = PseudoLabelHook([], CLUSTERING)
    hook.before_train_epoch(world.runner)
    labels = world.table.labels
    assert labels[:5].tolist() == [0, 0, 1, 1, 1]
    kept = labels[5:] >= 0
    assert kept.sum() >= 20
    assert adjusted_rand_score(labels[5:][kept], PIDS[kept]) == 1
    assert world.table.num_classes == 6
    (centroids, first), = world.runner.model.calls
    assert first == 2
    for k in range(4):
        mean = embeddings()[labels[5:] == 2 + k].mean(0)
        torch.testing.assert_close(centroids[k], F.normalize(mean, dim=0))
    text, = world.said
    assert text.startswith('Pseudo labels of real, epoch 1: ')
    assert 'clusters 4' in text and 'extract' in text
    assert world.scalars['pseudo_labels/real/clusters'] == 4
    assert world.scalars['pseudo_labels/real/ari'] == 1
    assert world.scalars['pseudo_labels/real/time_extract'] >= 0


def test_tells_the_model_cameras_that_are_unique_over_domains(world):
    def domain(camids):
        records = ReIDRecords.from_columns(
            [f'{i}.jpg' for i in range(len(camids))], camids=camids)
        return Domain(records=records)

    class Mixture(SimpleNamespace):
        def __len__(self):
            return 6

    world.runner.train_dataloader.dataset = Mixture(
        domains=[domain([0, 2, 0]), domain([5, 3, 5])],
        label_table=LabelTable([np.arange(3), None], [3, 3]))
    PseudoLabelHook([], CLUSTERING).before_train(world.runner)
    assert world.runner.model.cameras.tolist() == [0, 2, 0, 5, 3, 5]


def test_tells_the_model_the_clustered_images(world):
    PseudoLabelHook([], CLUSTERING).before_train_epoch(world.runner)
    (images, rows), = world.runner.model.clustered
    clustered = np.flatnonzero(world.table.labels >= 2)
    assert 0 < len(clustered) < 24
    np.testing.assert_array_equal(images, clustered)
    torch.testing.assert_close(rows, embeddings()[clustered - 5])


class Remembers(Model):
    """Wants the labelled images and a word in each iteration."""

    embeds_labelled = True

    def __init__(self):
        super().__init__()
        self.labelled, self.updates, self.state = [], 0, None

    def begin_labelled(self, images, blocks):
        self.labelled.append((images, torch.cat(list(blocks))))

    def update_memory(self):
        self.updates += 1

    def pseudo_label_state(self):
        return dict(updates=self.updates)

    def load_pseudo_label_state(self, state):
        self.state = state


@pytest.fixture
def remembering(world, monkeypatch):
    """The same world with a model that remembers labelled images."""
    records = ReIDRecords.from_columns(
        [f'{i}.jpg' for i in range(5)], [1, 1, 2, 2, 2], [0] * 5)
    domain = Domain(name='syn', records=records, pipeline=None)
    world.runner.train_dataloader.dataset.domains[0] = domain
    world.runner.model = Remembers()

    def extract(model, view, **kwargs):
        if isinstance(view, torch.utils.data.Subset):
            assert view.dataset.name == 'syn'
            assert view.dataset.pipeline is not None
            return embeddings(1)[view.indices]
        return embeddings()

    monkeypatch.setattr(module, 'extract_embeddings', extract)
    return world


def test_labelled_images_for_a_model_that_wants_them(remembering):
    hook = PseudoLabelHook([], CLUSTERING, begin=1, interval=2)
    model, told = remembering.runner.model, []
    remembering.table.labels[3] = -1  # known to be nobody
    for epoch in range(5):
        remembering.runner.epoch = epoch
        hook.before_train_epoch(remembering.runner)
        told.append((len(model.labelled), len(model.calls)))
    # Before the first clustering, then with each clustering.
    assert told == [(1, 0), (2, 1), (2, 1), (3, 2), (3, 2)]
    images, rows = model.labelled[0]
    assert images.tolist() == [0, 1, 2, 4]
    torch.testing.assert_close(rows, embeddings(1)[[0, 1, 2, 4]])
    assert remembering.said[0].startswith('Embedded 4 labelled images')


def test_memory_is_told_of_each_iteration(remembering):
    hook = PseudoLabelHook([], CLUSTERING)
    for _ in range(3):
        hook.after_train_iter(remembering.runner, 0)
    assert remembering.runner.model.updates == 3
    remembering.runner.model = Model()
    hook.after_train_iter(remembering.runner, 0)  # nothing to tell


@pytest.mark.parametrize('interval,saved', [(1, False), (2, True)])
def test_state_of_the_model_is_saved_between_clusterings(
        remembering, interval, saved):
    hook = PseudoLabelHook([], CLUSTERING, interval=interval)
    hook.after_train_iter(remembering.runner, 0)
    checkpoint = {}
    hook.before_save_checkpoint(remembering.runner, checkpoint)
    hook.after_load_checkpoint(remembering.runner, checkpoint)
    assert remembering.runner.model.state == (
        dict(updates=1) if saved else None)


def test_labels_do_not_depend_on_true_identities(world):
    """They are read for the report alone."""
    tables = []
    for pids in (PIDS, np.arange(24), np.full(24, -1)):
        world.real.records.pids[:] = pids
        PseudoLabelHook([], CLUSTERING).before_train_epoch(world.runner)
        tables.append(world.table.labels.tolist())
    assert tables[0] == tables[1] == tables[2]
    assert 'ari' not in world.said[-1]  # nothing to compare with


@pytest.mark.parametrize('begin,interval,due', [
    (0, 1, [0, 1, 2, 3, 4]), (2, 1, [2, 3, 4]), (0, 2, [0, 2, 4]),
    (1, 3, [1, 4])
])
def test_begin_and_interval(world, begin, interval, due):
    hook = PseudoLabelHook([], CLUSTERING, begin=begin, interval=interval)
    relabelled = []
    for epoch in range(5):
        world.runner.epoch = epoch
        before = len(world.runner.model.calls)
        hook.before_train_epoch(world.runner)
        if len(world.runner.model.calls) > before:
            relabelled.append(epoch)
    assert relabelled == due


@pytest.mark.parametrize('option', [dict(begin=-1), dict(interval=0)])
def test_wrong_options(option):
    with pytest.raises(ValueError, match='interval >= 1 and begin >= 0'):
        PseudoLabelHook([], **option)


def test_threshold_of_the_first_clustering_is_kept(world):
    hook = PseudoLabelHook([], CLUSTERING)
    given = []

    def cluster(features, alpha=None):
        given.append(alpha)
        labels = np.arange(24) // 6
        return PseudoLabelResult(
            labels, labels, alpha=0.25 if alpha is None else alpha)

    hook.clusterer = cluster
    for _ in range(3):
        hook.before_train_epoch(world.runner)
    assert given == [None, 0.25, 0.25]


@pytest.mark.parametrize('resume', [True, False])
def test_threshold_comes_back_only_on_resume(world, resume):
    first = PseudoLabelHook([], CLUSTERING)
    first.before_train_epoch(world.runner)
    checkpoint = {}
    first.before_save_checkpoint(world.runner, checkpoint)
    second = PseudoLabelHook([], CLUSTERING)
    world.runner._resume = resume
    second.after_load_checkpoint(world.runner, checkpoint)
    assert second.alphas == (first.alphas if resume else {})
    assert first.alphas['real'] is not None


def test_no_surviving_cluster_is_said_and_not_fatal(world):
    hook = PseudoLabelHook([], dict(CLUSTERING, min_size=20))
    hook.before_train_epoch(world.runner)
    assert (world.table.labels[5:] == -1).all()
    assert world.table.num_classes == 2
    assert world.said[-1].startswith(
        'Pseudo labels of real, epoch 1: no cluster survived, all 24 images')
    assert world.runner.model.calls[0][0].shape == (0, 8)


def test_collapsed_features_are_said_and_not_fatal(world):
    def collapsed(features, alpha=None):
        raise CollapsedFeaturesError('all images are alike')

    hook = PseudoLabelHook([], CLUSTERING)
    hook.alphas['real'] = 0.5
    hook.clusterer = collapsed
    hook.before_train_epoch(world.runner)
    assert (world.table.labels[5:] == -1).all()
    assert world.said[0] == 'real: all images are alike'
    assert hook.alphas == dict(real=0.5)


def test_other_errors_of_the_clustering_stop_the_run(world):
    hook = PseudoLabelHook([], CLUSTERING)

    def broken(features, alpha=None):
        raise ValueError('a vector is not finite')

    hook.clusterer = broken
    with pytest.raises(ValueError, match='not finite'):
        hook.before_train_epoch(world.runner)


def test_one_giant_cluster_is_said(world):
    hook = PseudoLabelHook([], CLUSTERING)
    hook.clusterer = lambda features, alpha=None: PseudoLabelResult(
        labels=np.array([0] * 18 + [1] * 6), clusters=None)
    hook.before_train_epoch(world.runner)
    assert world.said[-1].startswith(
        'Pseudo labels of real, epoch 1: one cluster holds 75% of 24 images')
    assert 'Lower eps' in world.said[-1]
    assert world.scalars['pseudo_labels/real/collapsed'] == 1
    assert world.scalars['pseudo_labels/real/size_hist/16-31'] == 1
    assert 'size_hist/16-31 1' in world.said[0]
    assert 'size_hist/2-3' not in world.said[0]  # no room for zeros


@pytest.mark.parametrize('clustering', [
    dict(type='JaccardDBSCAN', **CLUSTERING), dict(type='FINCH'),
    dict(type=FINCH, num_clusters=4), dict(type='KMeans', num_clusters=4),
    dict(CLUSTERING, backend='faiss')])
def test_clusterers_by_name(world, clustering):
    hook = PseudoLabelHook([], clustering)
    hook.before_train_epoch(world.runner)
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
    hook.before_train_epoch(world.runner)
    (features, alpha), = given
    np.testing.assert_array_equal(features, embeddings().numpy())
    assert alpha is None
    labels = world.table.labels[5:]
    assert labels.tolist() == [-1] * 6 + [2, 3, 4] * 6


def test_a_clusterer_must_label_every_image(world):
    hook = PseudoLabelHook([], CLUSTERING)
    hook.clusterer = lambda features, alpha=None: PseudoLabelResult(
        labels=np.zeros(24, int), clusters=None)
    share_result(hook.clusterer(None), 24)
    with pytest.raises(ValueError, match=r'shape \(24,\) for 25 images'):
        share_result(hook.clusterer(None), 25)


def test_unknown_clusterer():
    with pytest.raises(ValueError, match="'HDBSCAN' is unknown: expected one "
                       'of JaccardDBSCAN, FINCH, KMeans, or'):
        PseudoLabelHook([], dict(type='HDBSCAN'))


def test_wrong_option_of_a_clusterer():
    with pytest.raises(ValueError, match='k1=0: expected an integer'):
        PseudoLabelHook([], dict(k1=0))
    with pytest.raises(TypeError, match='radius'):
        PseudoLabelHook([], dict(radius=1))


def test_bad_embeddings_are_named(world, monkeypatch):
    rows = embeddings()
    rows[5] = float('nan')
    monkeypatch.setattr(module, 'extract_embeddings',
                        lambda *args, **kwargs: rows)
    with pytest.raises(ValueError, match='NaN or infinity: indices 5'):
        PseudoLabelHook([], CLUSTERING).before_train_epoch(world.runner)


def test_oracle_uses_the_true_identities(world):
    PseudoLabelHook([], oracle=True).before_train_epoch(world.runner)
    labels = world.table.labels[5:]
    assert set(labels) == {2, 3, 4, 5}
    assert adjusted_rand_score(labels, PIDS) == 1


def test_oracle_leaves_unknown_identities_out(world):
    world.real.records.pids[:6] = -1
    PseudoLabelHook([], oracle=True).before_train_epoch(world.runner)
    assert (world.table.labels[5:11] == -1).all()
    assert world.table.num_classes == 2 + 3


def test_two_unlabelled_domains(world):
    table = LabelTable([None, np.array([1, 2]), None], [24, 2, 24])
    other = Domain(**dict(vars(world.real), name='other'))
    world.runner.train_dataloader.dataset = SimpleNamespace(
        label_table=table, domains=[world.real, None, other],
        names=['real', 'syn', 'other'])
    PseudoLabelHook([], CLUSTERING).before_train_epoch(world.runner)
    assert table.num_classes == 2 + 4 + 4
    (centroids, first), = world.runner.model.calls
    assert (len(centroids), first) == (8, 2)
    torch.testing.assert_close(centroids[:4], centroids[4:])
    real, rest = table.labels[:24], table.labels[26:]
    assert np.array_equal(rest[rest >= 0], real[real >= 0] + 4)


def test_centroids_against_a_loop():
    rows = embeddings(3)
    labels = np.random.default_rng(0).permutation(np.arange(24) % 6 - 1)
    centroids = cluster_centroids(rows, labels)
    assert len(centroids) == 5
    for k, centroid in enumerate(centroids):
        members = [rows[i] for i in range(24) if labels[i] == k]
        mean = torch.stack(members).mean(0)
        torch.testing.assert_close(centroid, mean / mean.norm())


def test_centroids_of_no_cluster():
    rows = embeddings()
    assert cluster_centroids(rows, np.full(24, -1)).shape == (0, 8)


def trained_head():
    """A model whose classifier Adam has moved for a while, and its runner."""
    model = build_model('ReIDBaseline')
    weight = model.id_head.weight
    wrapper = OptimWrapper(torch.optim.Adam([weight], lr=0.1))
    generator = torch.Generator().manual_seed(0)
    for _ in range(200):
        noise = torch.randn(weight.shape, generator=generator)
        wrapper.update_params((weight * noise).sum())
    return weight, wrapper, SimpleNamespace(
        model=model, optim_wrapper=wrapper)


def test_moments_of_pseudo_rows_are_forgotten():
    weight, wrapper, runner = trained_head()
    state = wrapper.optimizer.state[weight]
    before = state['exp_avg'].clone()
    forget_pseudo_rows(runner, first=4)
    assert (state['exp_avg'][4:] == 0).all()
    assert torch.equal(state['exp_avg'][:4], before[:4])
    assert (before != 0).all()


def test_forgotten_rows_start_no_faster_than_adam_does():
    """A gradient as large as those before moves by the learning rate."""
    weight, wrapper, runner = trained_head()
    forget_pseudo_rows(runner, first=4)
    for _ in range(3):
        before = weight.detach().clone()
        wrapper.update_params(weight.sum())
        moved = (weight.detach() - before).abs()
        assert moved[4:].max() <= 0.1 * 1.01


def test_nothing_to_forget_before_the_first_step():
    model = build_model('ReIDBaseline')
    wrapper = OptimWrapper(torch.optim.Adam(model.parameters()))
    forget_pseudo_rows(
        SimpleNamespace(model=model, optim_wrapper=wrapper), 0)
    assert not wrapper.optimizer.state
