import random
import subprocess
from importlib.util import find_spec
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, get_priority

from mmreidmix.engine.hooks import PicturesHook
from mmreidmix.engine.hooks import pictures_hook as module
from mmreidmix.evaluation import ReIDMetric
from mmreidmix.registry import HOOKS
from tests.test_engine.test_resume import assert_equal
from tests.tiny import ROOT, checkpoint, environment, tiny_config

NAMES = ('rank_lists_{}', 'clusters_toy-real_a', 'activation_maps_{}',
         'embedding_map', 'camera_confusion_{}', 'curves')


def random_states():
    return (random.getstate(), np.random.get_state()[1].tolist(),
            torch.get_rng_state().tolist())


class Watched(PicturesHook):
    """Notes what drawing changes that it must not."""

    changed, drawn = False, 0

    def after_val_epoch(self, runner, metrics=None):
        before = random_states(), runner.model.training
        super().after_val_epoch(runner, metrics)
        Watched.drawn += 1
        Watched.changed |= before != (random_states(), runner.model.training)


def run(cfg, work_dir, hook=None):
    cfg = cfg.copy()
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = f'{work_dir.parent.name}_{work_dir.name}'
    if hook:
        cfg.merge_from_dict({'default_hooks.pictures.type': hook})
    if find_spec('tensorboard'):
        cfg.visualizer.vis_backends = [
            dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
    runner = Runner.from_cfg(cfg)
    runner.train()
    DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
    return runner


@pytest.fixture(scope='module')
def config(toy):
    cfg = tiny_config(toy)
    # It would hide a random state that has changed.
    del cfg.default_hooks['epoch_seed']
    return cfg


@pytest.fixture(scope='module')
def runs(config, tmp_path_factory):
    """The same training with and without pictures."""
    HOOKS.register_module(module=Watched, force=True)
    folder = tmp_path_factory.mktemp('pictures')
    run(config, folder / 'without')
    run(config, folder / 'with', 'Watched')
    return folder


def test_training_is_the_same_with_pictures(runs):
    assert Watched.drawn == 2 and not Watched.changed
    a, b = (checkpoint(runs / name, 2) for name in ('with', 'without'))
    for key in ('state_dict', 'label_table', 'optimizer'):
        assert_equal(a[key], b[key], key)


def names(config):
    domain, = config.val_dataloader.dataset.domains
    return {name.format(domain.name) for name in NAMES}


def test_pictures_reach_the_back_end(runs, config):
    folder, = (runs / 'with').glob('*/vis_data/vis_image')
    files = {file.name for file in folder.iterdir()}
    assert files == {
        f'{name}_{epoch}.png' for name in names(config) for epoch in (1, 2)
    }
    for file in files:
        assert cv2.imread(str(folder / file)).std() > 1
    assert not list((runs / 'without').glob('*/vis_data/vis_image'))


def test_pictures_reach_tensorboard(runs, config):
    module = pytest.importorskip(
        'tensorboard.backend.event_processing.event_accumulator',
        reason='tensorboard is not installed')
    folder, = (runs / 'with').glob('*/vis_data')
    events = module.EventAccumulator(str(folder), dict(images=0)).Reload()
    assert set(events.Tags()['images']) == names(config)
    for name in names(config):
        found = events.Images(name)
        assert [image.step for image in found] == [1, 2]
        local = cv2.imread(str(folder / f'vis_image/{name}_2.png'))
        encoded = np.frombuffer(found[1].encoded_image_string, np.uint8)
        np.testing.assert_array_equal(
            cv2.imdecode(encoded, cv2.IMREAD_COLOR), local)


def test_two_processes_draw_once(config, tmp_path):
    cfg = config.copy()
    cfg.custom_hooks = [dict(type='PicturesHook')]
    cfg.train_cfg.max_epochs = 1
    cfg.train_dataloader.batch_size = 8
    cfg.dump(tmp_path / 'two.py')
    result = subprocess.run(
        ['bash', ROOT / 'tools/dist_train.sh', tmp_path / 'two.py', '2',
         '--work-dir', tmp_path / 'two'],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=600)
    assert result.returncode == 0, result.stdout[-3000:]
    assert result.stdout.count('6 pictures of epoch 1 in') == 1
    folder, = (tmp_path / 'two').glob('*/vis_data/vis_image')
    files = {file.name for file in folder.iterdir()}
    assert files == {f'{name}_1.png' for name in names(config)}


@pytest.mark.parametrize('interval,val_interval,due', [
    (1, 1, [1, 2, 3, 4, 5, 6, 7]), (1, 3, [3, 6, 7]), (3, 1, [3, 6, 7]),
    (5, 2, [6, 7]), (4, 3, [6, 7]), (9, 1, [7])
])
def test_interval(interval, val_interval, due):
    hook = PicturesHook(interval)
    epochs = [e for e in range(1, 8) if e % val_interval == 0 or e == 7]
    assert due == [
        e for e in epochs if hook._due(
            SimpleNamespace(
                epoch=e, val_interval=val_interval, max_epochs=7))
    ]


def fake_runner(**changes):
    metric = ReIDMetric()
    said = []
    runner = SimpleNamespace(
        epoch=1, val_interval=1, max_epochs=1, val_loop=object(),
        val_evaluator=SimpleNamespace(metrics=[metric]),
        visualizer=SimpleNamespace(add_image=lambda *args: None),
        logger=SimpleNamespace(info=said.append), said=said)
    vars(runner).update(changes)
    return runner, metric


def test_a_failed_picture_does_not_end_the_training(monkeypatch, log):
    drawn = []

    def broken(*args, **options):
        raise OSError('the disk is full')
        yield

    def working(*args):
        yield 'curves', np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(PicturesHook, '_rank_lists', broken)
    monkeypatch.setattr(PicturesHook, '_curves', working)
    hook = PicturesHook(pictures=dict(rank_lists={}, curves={}))
    runner, metric = fake_runner()
    runner.visualizer.add_image = lambda *args: drawn.append(args[::2])
    hook.before_train(runner)
    hook.before_val_epoch(runner)
    metric.table = 'features'
    hook.after_val_epoch(runner)
    assert drawn == [('curves', 1)]
    assert metric.table is None
    assert 'rank_lists can not be drawn: the disk is full' in log.text
    assert runner.said[0].startswith('1 pictures of epoch 1')


def test_nothing_is_kept_or_drawn_where_it_is_not_due():
    hook = PicturesHook(interval=2)
    runner, metric = fake_runner(epoch=1, max_epochs=4)
    hook.before_val_epoch(runner)  # not in a training
    hook.after_val_epoch(runner)
    hook.before_train(runner)
    hook.before_val_epoch(runner)
    assert not metric.keep_table
    hook.after_val_epoch(runner)
    runner.epoch = 2
    hook.before_val_epoch(runner)
    assert metric.keep_table
    hook.after_train(runner)
    assert not metric.keep_table
    assert not runner.said


def test_only_the_main_process_draws(monkeypatch):
    monkeypatch.setattr(module, 'is_main_process', lambda: False)
    hook = PicturesHook()
    runner, metric = fake_runner()
    hook.before_train(runner)
    hook.before_val_epoch(runner)
    assert metric.keep_table  # all processes gather
    hook.after_val_epoch(runner)
    assert not runner.said


def test_it_draws_the_model_that_was_validated():
    """EMAHook puts the other weights back behind it."""
    assert get_priority(PicturesHook.priority) < get_priority(
        EMAHook.priority)


@pytest.mark.parametrize('options', [
    dict(interval=0), dict(pictures=dict(faces={}))])
def test_wrong_options(options):
    with pytest.raises(ValueError, match='interval must be at least 1 and '):
        PicturesHook(**options)


def test_wrong_options_of_a_picture():
    with pytest.raises(ValueError, match=r"curves has no option \['num'\]"):
        PicturesHook(pictures=dict(curves=dict(num=3)))


def test_a_validation_is_needed():
    hook = PicturesHook()
    with pytest.raises(ValueError, match='set val_dataloader and val_eval'):
        hook.before_train(SimpleNamespace(val_loop=None))
    runner, _ = fake_runner(val_evaluator=SimpleNamespace(metrics=[]))
    with pytest.raises(ValueError, match='PicturesHook needs a ReIDMetric'):
        hook.before_train(runner)
