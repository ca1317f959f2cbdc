"""What a training starts from, and its evaluation before the first step."""

import random
import re
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmreidmix.engine.build_runner import build_runner
from mmreidmix.engine.hooks import StartEvaluationHook
from mmreidmix.engine.start import (
    describe_start,
    input_size,
    same_random_numbers,
    start_text,
    untouched,
)
from mmreidmix.registry import HOOKS
from mmreidmix.results.provenance import file_hash, method_hash
from mmreidmix.results.result_file import read_queries, read_result
from tests.test_engine.test_resume import assert_equal
from tests.tiny import ROOT, checkpoint, environment, tiny_config
from tests.tiny_model import WIDTH, batch, build_model


def config(init=None, backbone=None, load_from=None, size=(160, 80)):
    resize = dict(type='Resize', scale=size[::-1])
    return dict(
        load_from=load_from,
        model=dict(backbone=dict(type='OSNet', init_cfg=backbone),
                   init_cfg=init),
        val_dataloader=dict(dataset=dict(pipeline=[resize])))


def pretrained(file):
    return dict(type='Pretrained', checkpoint=str(file))


@pytest.fixture
def file(tmp_path):
    """Function that writes weights with this native size."""
    def write(size):
        path = tmp_path / 'osnet.pth'
        meta = dict(preprocessing=dict(input_size=size))
        torch.save(dict(state_dict={'neck.w': torch.ones(1)}, meta=meta),
                   path)
        return path
    return write


def test_a_file_with_a_native_size(file):
    path = file((256, 128))
    for cfg in (config(pretrained(path)), config(backbone=pretrained(path)),
                config([pretrained(path)]), config(load_from=str(path)),
                # the weights of the whole take the place of those of a part
                config(pretrained(path), pretrained('other.pth'))):
        start = describe_start(cfg, 'val_dataloader')
        assert start == dict(
            weights=str(path), sha256=file_hash(path), parts=['neck'],
            native_size=(256, 128),
            config_size=(160, 80), input_size=(256, 128))
    assert 'its native size 256x128; the config tests at 160x80' in (
        start_text(start))


def test_native_size_that_is_not_known_or_can_not_be_had(file):
    path = file(None)
    start = describe_start(config(pretrained(path)), 'val_dataloader')
    assert (start['native_size'], start['input_size']) == (None, (160, 80))
    assert 'tested at 160x80, the size of the config: its native size is ' \
        'not known' in start_text(start)

    cfg = config(pretrained(file((256, 128))))
    cfg['val_dataloader']['dataset']['pipeline'] *= 2
    start = describe_start(cfg, 'val_dataloader')
    assert start['input_size'] is None
    assert 'have no single Resize' in start_text(start)

    with pytest.raises(ValueError, match=r'osnet.pth: meta.preproc.*\(256,'):
        describe_start(config(pretrained(file((256, )))), 'val_dataloader')


def test_weights_without_a_file():
    """An address stands for its content, a network for its random weights."""
    address = pretrained('torchvision://resnet50')
    start = describe_start(config(backbone=address), 'val_dataloader')
    assert start['weights'] == 'torchvision://resnet50'
    drawn, other = (describe_start(cfg, 'val_dataloader') for cfg in (
        config(), config(backbone=dict(type='Kaiming'))))
    assert start_text(drawn) == 'Start: random weights, tested at 160x80'
    assert len({start['sha256'], drawn['sha256'], other['sha256']}) == 3


@pytest.mark.parametrize('pipeline, size', [
    ([dict(type='Resize', scale=(64, 128))], (128, 64)),
    ([dict(type='mmpretrain.Resize', scale=96)], (96, 96)),
    ([dict(type='Resize', scale_factor=2.)], None),
    ([dict(type='ResizeEdge', scale=96)], None),
    ([], None),
])
def test_input_size(pipeline, size):
    assert input_size(pipeline) == size


def test_random_numbers_stay():
    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    with same_random_numbers():
        assert draw() == expected
    assert draw() == expected


def test_options_of_the_hook_are_no_part_of_the_method():
    cfg = dict(default_hooks=dict(logger=dict(interval=1)))
    with_hook = dict(default_hooks=dict(
        logger=dict(interval=1), start=dict(evaluate=False)))
    assert method_hash(cfg) == method_hash(with_hook)


class Fresh(Hook):
    """Notes weights, statistics and mode of the model at the first step."""

    seen = None

    def before_train_epoch(self, runner):
        if runner.epoch == 0:
            Fresh.seen = (runner.model.training, {
                key: value.clone()
                for key, value in runner.model.state_dict().items()})


def run(cfg, work_dir, **options):
    cfg = cfg.copy()
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = f'{work_dir.parent.name}_{work_dir.name}'
    cfg.merge_from_dict(options)
    cfg.custom_hooks = [dict(type='Fresh', priority='VERY_HIGH')]
    runner = build_runner(cfg)
    runner.train()
    DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
    return Fresh.seen


def log_of(work_dir):
    return sorted(work_dir.glob('*/*.log'))[-1].read_text()


@pytest.fixture(scope='module')
def runs(toy, tmp_path_factory):
    """The same training with and without; it starts from a file."""
    HOOKS.register_module(module=Fresh, force=True)
    folder = tmp_path_factory.mktemp('start')
    cfg = tiny_config(toy)
    # It would hide random numbers that have changed.
    del cfg.default_hooks['epoch_seed']
    torch.manual_seed(3)
    weights = Runner.from_cfg(cfg.copy().__class__(
        dict(model=cfg.model, work_dir=str(folder / 'net'),
             default_scope='mmreidmix'))).model.state_dict()
    DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
    torch.save(
        dict(state_dict=weights,
             meta=dict(preprocessing=dict(input_size=(96, 48)))),
        folder / 'weights.pth')
    cfg.model.init_cfg = pretrained(folder / 'weights.pth')
    seen = {
        'with': run(cfg, folder / 'with'),
        'without': run(cfg, folder / 'without',
                       **{'default_hooks.start.evaluate': False})
    }
    return SimpleNamespace(folder=folder, cfg=cfg, seen=seen)


def test_training_is_the_same_with_and_without(runs):
    assert_equal(runs.seen['with'], runs.seen['without'])
    a, b = (checkpoint(runs.folder / name, 2) for name in ('with', 'without'))
    for key in ('state_dict', 'label_table', 'optimizer'):
        assert_equal(a[key], b[key], key)
    assert 'scores' not in b['start']
    assert not (runs.folder / 'without' / 'start.json').exists()
    assert 'start -> end' not in log_of(runs.folder / 'without')


def test_the_start_is_that_of_test_none(runs):
    """Same scores, values per query and description."""
    import runpy
    tool = runpy.run_path(str(ROOT / 'tools' / 'test.py'))
    runs.cfg.dump(runs.folder / 'cfg.py')
    out = runs.folder / 'none.json'
    tool['main']([str(runs.folder / 'cfg.py'), 'none', '--out', str(out),
                  '--work-dir', str(runs.folder / 'test')])
    found, own = read_result(out), read_result(
        runs.folder / 'with' / 'start.json')
    for key in ('results', 'domains', 'evaluators', 'protocol', 'start',
                'checkpoint', 'checkpoint_rule'):
        assert found[key] == own[key], key
    assert own['start'] == dict(
        weights=str(runs.folder / 'weights.pth'),
        sha256=file_hash(runs.folder / 'weights.pth'),
        parts=own['start']['parts'], native_size=[96, 48],
        config_size=[64, 32], input_size=[96, 48])
    a, b = (read_queries(file)['toy-unseen'] for file in (
        out, runs.folder / 'with' / 'start.json'))
    np.testing.assert_array_equal(a.ap, b.ap)

    # and not those at the size of the config
    runs.cfg.model.init_cfg.checkpoint = str(runs.folder / 'bare.pth')
    torch.save(torch.load(runs.folder / 'weights.pth')['state_dict'],
               runs.folder / 'bare.pth')
    runs.cfg.dump(runs.folder / 'bare.py')
    tool['main']([str(runs.folder / 'bare.py'), 'none', '--out', str(out),
                  '--work-dir', str(runs.folder / 'test')])
    assert read_result(out)['results'] != found['results']


def test_results_of_the_checkpoint_know_the_start(runs):
    import runpy
    tool = runpy.run_path(str(ROOT / 'tools' / 'test.py'))
    runs.cfg.dump(runs.folder / 'cfg.py')
    out = runs.folder / 'trained.json'
    tool['main']([str(runs.folder / 'cfg.py'),
                  str(runs.folder / 'with' / 'epoch_2.pth'), '--out',
                  str(out), '--work-dir', str(runs.folder / 'test')])
    start = read_result(out)['start']
    assert start['sha256'] == file_hash(runs.folder / 'weights.pth')
    assert start['scores'] == read_result(runs.folder / 'with/start.json')


def test_last_line_of_the_log(runs):
    scores = read_result(runs.folder / 'with' / 'start.json')['results']
    log = log_of(runs.folder / 'with')
    assert 'tested at its native size 96x48; the config tests at 64x32' in log
    lines = log.strip().splitlines()
    found = re.fullmatch(
        r'.* - (INFO|WARNING) - start -> end, toy-unseen: mAP (.+) -> (.+), '
        r'R1 (.+) -> ([\d.]+)( \(lower than the start\))?', lines[-1])
    level, before, after, r1, last, lower = found.groups()
    assert (before, r1) == (f'{100 * scores["toy-unseen/mAP"]:.1f}',
                            f'{100 * scores["toy-unseen/rank-1"]:.1f}')
    fell = float(after) < float(before) or float(last) < float(r1)
    assert (level == 'WARNING') == fell == bool(lower)


def test_checkpoints_can_be_a_start_at_the_size_of_their_config(runs):
    meta = checkpoint(runs.folder / 'with', 2)['meta']
    assert meta['preprocessing'] == dict(input_size=(64, 32))


def test_resumed(runs):
    """The scores come from the checkpoint."""
    before = checkpoint(runs.folder / 'with', 2)['start']
    run(runs.cfg, runs.folder / 'resumed',
        resume=str(runs.folder / 'with' / 'epoch_1.pth'))
    log = log_of(runs.folder / 'resumed')
    assert 'Start:' not in log and 'start -> end, toy-unseen: mAP' in log
    assert checkpoint(runs.folder / 'resumed', 2)['start'] == before
    assert read_result(
        runs.folder / 'resumed' / 'start.json') == before['scores']
    # and its config still names what the training started from
    written = Config.fromfile(next((runs.folder / 'resumed').glob('*.py')))
    assert 'resume' not in written and written.load_from is None


def hook_on(monkeypatch, **runner):
    said = []
    logger = SimpleNamespace(info=said.append, log=lambda level, text:
                             said.append((level, text)))
    monkeypatch.setattr(
        'mmreidmix.engine.hooks.start_evaluation_hook.is_resumed',
        lambda runner: True)
    return StartEvaluationHook(), SimpleNamespace(logger=logger, **runner), (
        said)


def test_a_resumed_checkpoint_without_a_start(monkeypatch):
    hook, runner, said = hook_on(monkeypatch)
    hook.after_load_checkpoint(runner, {})
    hook.before_train(runner)
    assert said == ['the resumed checkpoint does not say what its training '
                    'started from']
    saved = {}
    hook.before_save_checkpoint(runner, saved)
    hook.after_train(runner)
    assert saved == {} and len(said) == 1


def test_a_lower_end_is_a_warning(monkeypatch):
    hook, runner, said = hook_on(monkeypatch)
    hook.start = dict(scores=dict(results={'a/mAP': .5, 'b/mAP': .5}))
    hook.after_val_epoch(runner, {'a/mAP': .4, 'b/mAP': .6})
    hook.after_train(runner)
    assert said == [
        (30, 'start -> end, a: mAP 50.0 -> 40.0 (lower than the start)'),
        (20, 'start -> end, b: mAP 50.0 -> 60.0')]


def test_nothing_without_a_validation(monkeypatch):
    hook, runner, said = hook_on(
        monkeypatch, cfg=config(), val_loop=None)
    hook.before_train(runner)
    hook.after_train(runner)
    assert not said and 'scores' not in hook.start


def test_two_processes(runs, tmp_path):
    cfg = runs.cfg.copy()
    cfg.train_cfg.max_epochs = 1
    cfg.train_dataloader.batch_size = 8
    cfg.model.init_cfg.checkpoint = str(runs.folder / 'weights.pth')
    cfg.dump(tmp_path / 'two.py')
    result = subprocess.run(
        ['bash', ROOT / 'tools/dist_train.sh', tmp_path / 'two.py', '2',
         '--work-dir', tmp_path / 'two'],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=600)
    assert result.returncode == 0, result.stdout[-3000:]
    assert result.stdout.count('start -> end, toy-unseen: mAP') == 1
    one, two = (read_result(folder / 'start.json') for folder in (
        runs.folder / 'with', tmp_path / 'two'))
    assert two['results'] == pytest.approx(one['results'], abs=1e-6)
    saved = checkpoint(tmp_path / 'two', 1)['start']
    assert saved['scores'] == two


@pytest.mark.parametrize(('parts', 'fresh'), [
    (['backbone', 'neck'], True), (None, True),
    (['attention', 'backbone', 'neck'], False)])
def test_attention_that_the_weights_lack_takes_no_part(parts, fresh):
    attention = dict(type='DAAMNeck', in_channels=WIDTH, reduction=2)
    model = build_model(
        'ReIDBaseline', attention=attention,
        momentum_encoder=dict(type='MomentumEncoder')).eval()
    plain = build_model('ReIDBaseline').eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    inputs = model.data_preprocessor(batch())['inputs']
    before = model(inputs)
    with untouched(model, dict(parts=parts)):
        found = model(inputs)
    torch.testing.assert_close(found, plain(inputs) if fresh else before)
    torch.testing.assert_close(model(inputs), before)
    assert not torch.allclose(before, plain(inputs))
