"""A memory of centres, filled and followed by its hook."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.hooks import Hook

from mmreidmix.engine import MemoryHook, MixtureHook
from tests.test_engine.tiny_run import (
    KnownLabels,
    TinyRun,
    embed_by,
    expected_rows,
    loader,
    mixture_of,
)
from tests.tiny_model import build_model

PIDS, CAMIDS = [1, 1, 2, 2, 2, -1], [0, 1, 0, 0, 1, 1]
CLUSTERS = [1, 0, -1, 0, 1, -1]
#: Labels of all images with and without these clusters.
LABELS = np.array([0, 0, 1, 1, 1, -1, 3, 2, -1, 2, 3, -1])
ALONE = np.where(LABELS < 2, LABELS, -1)
#: Cameras, unique over the domains.
CAMERAS = np.array(CAMIDS + [2, 3, 2, 2, 3, 3])
MEANS = ('means', 'counts', 'labels', 'camids', 'centroids')


def embeddings(epoch=0):
    """Rows of all images, others in each epoch."""
    generator = torch.Generator().manual_seed(epoch)
    return F.normalize(torch.randn(12, 6, generator=generator))


def memory_model(**options):
    return build_model('ReIDBaseline', id_head=None, triplet=None,
                       memory=dict(type='CentroidsMemory', **options))


class World:
    """Six labelled images, one of nobody, and six unlabelled ones."""

    def __init__(self, monkeypatch, model=None, hooks=None, **options):
        self.mixture = mixture_of(
            syn=('labelled', PIDS, CAMIDS),
            real=('unlabelled', [9] * 6, [4, 5, 4, 4, 5, 5]))
        hooks = [KnownLabels(CLUSTERS, **options)] if hooks is None else hooks
        self.run = TinyRun(model or memory_model(), self.mixture,
                           MemoryHook(), MixtureHook(), *hooks)
        self.memory = self.run.model.memory
        self.asked = embed_by(monkeypatch, self.rows_of)

    def rows_of(self, name, images):
        first = 6 * (name == 'real')
        return embeddings(self.run.epoch)[first + np.asarray(images)]

    def holds(self, rows, labels, first=0):
        """Whether these rows and labels give the memory, from ``first``."""
        wanted = sorted({(int(k), int(CAMERAS[i]))
                         for i, k in enumerate(labels) if k >= first})
        skip = self.memory.rows_below(first)
        assert list(zip(self.memory.labels[skip:].tolist(),
                        self.memory.camids[skip:].tolist())) == wanted
        for row, (label, camera) in enumerate(wanted, skip):
            own = np.flatnonzero((labels == label) & (camera == CAMERAS))
            torch.testing.assert_close(self.memory.means[row],
                                       rows[own].mean(0))
        for label in range(first, labels.max() + 1):
            own = np.flatnonzero(labels == label)
            torch.testing.assert_close(
                self.memory.centroids[label],
                F.normalize(rows[own].sum(0), dim=0))
        assert self.memory.num_classes == labels.max() + 1

    def state(self):
        return {name: getattr(self.memory, name).clone() for name in MEANS}

    def see(self, image=0):
        """Let a training step pass in which another image was seen."""
        row = embeddings(99)[:1]
        self.run.model.last_batch = (
            row, torch.tensor([LABELS[image]]), torch.tensor([CAMERAS[image]]))
        self.run.call_hook('after_train_iter', batch_idx=0)
        return row[0]


@pytest.fixture
def world(monkeypatch, log):
    return World(monkeypatch)


def test_centres_of_labelled_and_clustered_images(world, log):
    world.run.start(0)
    world.holds(embeddings(), LABELS)
    assert world.asked == [('real', 6), ('syn', 5)]
    assert 'Embedding 5 labelled images for epoch 1' in log.text
    assert 'Memory of 4 identities filled in' in log.text


def test_images_of_nobody_and_of_no_cluster_are_left_out(world):
    world.run.start(0)
    assert int(world.memory.counts.sum()) == (LABELS >= 0).sum() == 9


def test_with_each_clustering_and_in_epochs_without_clusters(monkeypatch):
    world = World(monkeypatch, begin=1, interval=2)
    world.run.start()
    states = []
    for epoch in range(5):
        world.asked.clear()
        world.run.begin_epoch(epoch)
        states.append(world.state()['means'])
        # Before the first clustering, then with each clustering.
        assert [name for name, _ in world.asked] == (
            [['syn'], ['real', 'syn'], [], ['real', 'syn'], []][epoch])
        if epoch == 0:
            world.holds(embeddings(0), ALONE)
        else:
            world.holds(embeddings(epoch - 1 + epoch % 2), LABELS)
    assert torch.equal(states[1], states[2])
    assert not torch.equal(states[2], states[3])


def test_a_clustering_without_clusters_fills_it_once(monkeypatch):
    world = World(monkeypatch, hooks=[KnownLabels([-1] * 6, interval=2)])
    world.run.start()
    for epoch in range(2):
        world.asked.clear()
        world.run.begin_epoch(epoch)
        world.holds(embeddings(epoch), ALONE)
        assert world.asked.count(('syn', 5)) == 1


def test_labelled_domains_alone():
    """No hook gives labels: each epoch, by the transforms of validation."""
    model = memory_model()
    mixture = mixture_of(one=('labelled', [4, 4, 5], [0, 1, 0]))
    run = TinyRun(model, mixture, MixtureHook(), MemoryHook(),
                  cfg=dict(val_dataloader=loader(3)))
    for epoch in range(2):
        run.start(epoch)
        rows = expected_rows(model, range(3), 3)
        torch.testing.assert_close(model.memory.means, rows, atol=0.02,
                                   rtol=0)  # embedded in bfloat16
        with torch.no_grad():
            model.backbone.conv.weight.neg_()
    other = expected_rows(model, range(3), 3)
    assert not torch.allclose(rows, other, atol=0.05)


def test_no_transforms_to_embed_with(monkeypatch):
    world = World(monkeypatch, hooks=[])
    world.mixture.label_table.unlabelled = []
    with pytest.raises(ValueError, match='images can not be embedded'):
        world.run.start()


def test_options_of_the_hook_that_gives_labels(world):
    world.run.start()
    hook, labels = (next(h for h in world.run.hooks if isinstance(h, kind))
                    for kind in (MemoryHook, KnownLabels))
    assert hook.embedder is labels.embedder


def test_labels_of_a_hook_that_embeds_nothing(monkeypatch):
    """A hook of one's own need not be a LabellingHook."""
    class Labels(Hook):
        provides = 'labels'

    world = World(monkeypatch, hooks=[Labels()])
    world.run.cfg.val_dataloader = loader(3)
    world.run.start(0)
    world.holds(embeddings(), ALONE)


@pytest.mark.parametrize('refresh,follow,moves', [
    ('epoch', False, False), ('epoch', True, True), ('online', False, True),
    ('online', True, True)])
def test_memory_follows_the_batches(monkeypatch, refresh, follow, moves):
    world = World(monkeypatch, memory_model(follow=follow), refresh=refresh)
    world.run.start(0)
    before = world.state()['means']
    seen = world.see(image=3)
    after = world.memory.means
    assert torch.equal(after, before) != moves
    if moves:  # the only image of the row but one
        torch.testing.assert_close(after[2], torch.lerp(before[2], seen, 0.5))
        assert torch.equal(after[[0, 1, 3, 4, 5, 6]],
                           before[[0, 1, 3, 4, 5, 6]])


def test_each_iteration_is_told(monkeypatch):
    world = World(monkeypatch, memory_model(follow=True))
    world.run.start(0)
    calls = []
    monkeypatch.setattr(world.run.model, 'update_memory',
                        lambda: calls.append(1))
    for _ in range(3):
        world.run.call_hook('after_train_iter', batch_idx=0)
    assert len(calls) == 3


def test_online_embeds_labelled_images_once(monkeypatch):
    world = World(monkeypatch, refresh='online')
    world.run.start(0)
    world.see()
    kept = world.memory.state_dict_below(2)
    world.asked.clear()
    world.run.begin_epoch(1)
    assert world.asked == [('real', 6)]
    for name, value in world.memory.state_dict_below(2).items():
        assert torch.equal(value, kept[name]), name
    world.holds(embeddings(1), LABELS, first=2)


def test_online_before_the_first_clustering(monkeypatch):
    world = World(monkeypatch, refresh='online', begin=2)
    world.run.start(0)
    world.holds(embeddings(0), ALONE)
    seen = world.see()
    world.run.begin_epoch(1)
    assert world.asked == [('syn', 5)]
    torch.testing.assert_close(world.memory.means[0], seen)
    world.run.begin_epoch(2)
    assert world.asked == [('syn', 5), ('real', 6)]
    torch.testing.assert_close(world.memory.means[0], seen)
    world.holds(embeddings(2), LABELS, first=2)


def test_online_memory_survives_a_restart(monkeypatch):
    whole = World(monkeypatch, refresh='online')
    whole.run.start(0)
    whole.see()
    checkpoint = whole.run.save()
    part = World(monkeypatch, refresh='online')
    part.run.load(checkpoint).start(1)
    assert part.asked == [('real', 6)]
    whole.run.begin_epoch(1)
    for name, value in whole.state().items():
        assert torch.equal(value, part.state()[name]), name


def test_only_labelled_rows_are_saved(monkeypatch):
    """Those of clusters are computed with the next clustering."""
    world = World(monkeypatch, refresh='online')
    world.run.start(0)
    saved = world.run.save()['centroids_memory']
    assert saved['labels'].tolist() == [0, 0, 1, 1]
    assert torch.equal(saved['means'], world.memory.means[:4])


def test_nothing_is_saved_that_can_be_computed_again(world):
    world.run.start(0)
    assert 'centroids_memory' not in world.run.save()


@pytest.mark.parametrize('checkpoint,resume', [
    ('online', False), ('epoch', True)])
def test_memory_begins_anew(monkeypatch, checkpoint, resume):
    whole = World(monkeypatch, refresh=checkpoint)
    whole.run.start(0)
    other = World(monkeypatch, refresh='online')
    other.run.load(whole.run.save(), resume)
    assert other.memory.num_classes == 0
    other.asked.clear()
    other.run.start(1)
    assert ('syn', 5) in other.asked


def test_state_between_two_clusterings_is_not_replaced(monkeypatch):
    """PseudoLabelHook has restored the rows of the clusters, too."""
    whole = World(monkeypatch, refresh='online')
    whole.run.start(0)
    whole.see()
    checkpoint = whole.run.save()
    part = World(monkeypatch, refresh='online')
    part.run.model.load_label_state(whole.run.model.label_state())
    part.run.load(checkpoint)
    for name, value in whole.state().items():
        assert torch.equal(value, part.state()[name]), name


def test_model_without_memory_is_left_alone(monkeypatch, log):
    model = build_model('ReIDBaseline', id_head=None)
    model.update_memory = pytest.fail
    world = World(monkeypatch, model, refresh='online')
    world.run.start(0)
    world.run.call_hook('after_train_iter', batch_idx=0)
    assert world.asked == [('real', 6)]  # for the labels
    checkpoint = world.run.save()
    assert 'centroids_memory' not in checkpoint
    world.run.load(dict(checkpoint, centroids_memory=dict(means=None)))
    assert model.memory is None
    assert 'Memory of' not in log.text


def test_no_memory_needs_no_transforms(monkeypatch):
    world = World(monkeypatch, build_model('ReIDBaseline'), hooks=[])
    world.mixture.label_table.unlabelled = []
    world.run.start(0)
    assert world.asked == []


def test_behind_the_labels_of_the_epoch(world):
    """Otherwise labels that come later would have no centres."""
    kinds = [type(hook) for hook in world.run.hooks]
    assert kinds == [MixtureHook, KnownLabels, MemoryHook]
