"""Tests of tools/train.py."""

import os
import runpy
import shutil
from pathlib import Path

import pytest
import torch

from mmreidmix.datasets.transforms import ImageReadError
from mmreidmix.engine.train import work_dir_lock
from mmreidmix.files import FileHeldError, FileLock
from tests.tiny import BASE, TRAIN, tiny_config


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(TRAIN))


@pytest.fixture
def config(tmp_path):
    """A config with nothing in it but an optimizer."""
    file = tmp_path / 'bare.py'
    file.write_text("optim_wrapper = dict(type='OptimWrapper', "
                    "optimizer=dict(type='SGD', lr=0.1))\n")
    return file


def load(tool, *arguments):
    args = tool['parse_args']([str(argument) for argument in arguments])
    return tool['load_config'](args)


def test_work_dir_is_named_after_the_config(tool, config, tmp_path):
    assert load(tool, config).work_dir == 'work_dirs/bare'
    assert load(tool, config, '--work-dir', tmp_path / 'x').work_dir == str(
        tmp_path / 'x')
    config.write_text(config.read_text() + "work_dir = 'mine'\n")
    assert load(tool, config).work_dir == 'mine'


def test_options_of_the_command_line_win(tool):
    cfg = load(tool, BASE, '--cfg-options', 'train_cfg.max_epochs=3',
               'train_dataloader.dataset.domains.0.data_root=elsewhere',
               'randomness.seed=7')
    assert cfg.train_cfg.max_epochs == 3
    assert cfg.train_dataloader.dataset.domains[0].data_root == 'elsewhere'
    assert cfg.randomness.seed == 7


def test_missing_config_is_named(tool, tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.py.*/configs'):
        load(tool, tmp_path / 'gone.py')


@pytest.mark.parametrize('arguments,resume', [
    ((), None),
    (('--resume', ), 'auto'),
    (('--resume', 'a.pth'), 'a.pth'),
])
def test_resume_leaves_the_start_alone(tool, config, arguments, resume):
    config.write_text(config.read_text() + "load_from = 'weights.pth'\n")
    cfg = load(tool, config, *arguments)
    assert (cfg.get('resume'), cfg.load_from) == (resume, 'weights.pth')


def test_amp_is_bfloat16(tool, config):
    assert load(tool, config, '--amp').precision == 'bf16'
    assert 'precision' not in load(tool, config)


@pytest.mark.parametrize('arguments,message', [
    ((), 'required: config'),
    (('a.py', '--launcher', 'ssh'), "invalid choice: 'ssh'"),
    (('a.py', '--epochs', '3'), 'unrecognized arguments: --epochs 3'),
])
def test_wrong_arguments(tool, capsys, arguments, message):
    with pytest.raises(SystemExit):
        tool['parse_args'](list(arguments))
    assert message in capsys.readouterr().err


def test_launchers_without_gpu(tool, config, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    with pytest.raises(RuntimeError, match='tools/dist_train.sh'):
        tool['main']([str(config), '--launcher', 'slurm', '--cfg-options',
                      'model.type=ReIDBaseline'])


@pytest.fixture
def damaged(toy, tmp_path):
    """A config, and an image of its unlabelled domain that is cut short."""
    for style in ('synthetic', 'real_a', 'unseen'):
        shutil.copytree(toy / style, tmp_path / style)
    image = sorted(
        (tmp_path / 'real_a').rglob('bounding_box_train/*.jpg'))[5]
    image.write_bytes(image.read_bytes()[:-40])
    cfg = tiny_config(tmp_path, train_cfg__max_epochs=1)
    cfg.train_dataloader.batch_sampler.iters_per_epoch = 2
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    return cfg, image


def train(tool, cfg, work_dir: Path) -> str:
    """Train in this process; returns the log, also where it stops early."""
    config = work_dir.with_suffix('.py')
    cfg.experiment_name = work_dir.name
    cfg.dump(config)
    tool['main']([str(config), '--work-dir', str(work_dir)])
    return next(work_dir.glob('*/*.log')).read_text()


def test_damaged_image_stops_the_run_and_is_named(tool, damaged, tmp_path):
    cfg, image = damaged
    with pytest.raises(ImageReadError) as error:
        train(tool, cfg, tmp_path / 'stop')
    assert str(image) in str(error.value)
    assert 'cut short' in str(error.value)


def test_damaged_image_can_be_skipped(tool, damaged, tmp_path):
    cfg, image = damaged
    cfg.train_dataloader.dataset.domains[1].bad_images = 'skip'
    log = train(tool, cfg, tmp_path / 'skip')
    assert '1 of 72 images cannot be read and are skipped' in log
    assert image.name in log
    saved = torch.load(tmp_path / 'skip' / 'epoch_1.pth', weights_only=True)
    assert len(saved['label_table']['labels']) == 72 + 71


def remove_pseudo_labels(cfg):
    del cfg.default_hooks.pseudo_labels


@pytest.mark.parametrize('change,message', [
    (lambda cfg: cfg.default_hooks.mixture.update(type='MixtureHok'),
     'MixtureHok'),
    (lambda cfg: cfg.train_dataloader.update(batch_size=18),
     'batch of 18 images'),
    (lambda cfg: cfg.model.id_head.update(max_classes=5),
     'max_classes to at least 12'),
    (remove_pseudo_labels, "'toy-real_a'.*are unlabelled"),
], ids=['name', 'batch', 'room', 'labels'])
def test_wrong_config_is_named(tool, toy, tmp_path, change, message):
    """Before the first iteration."""
    cfg = tiny_config(toy)
    change(cfg)
    with pytest.raises((KeyError, ValueError), match=message):
        train(tool, cfg, tmp_path / 'run')


def test_two_trainings_never_share_a_work_dir(tool, config, tmp_path,
                                              monkeypatch):
    lock = FileLock(tmp_path / 'train.lock')
    with pytest.raises(RuntimeError, match=(
            f'process {os.getpid()} trains in .* take another --work-dir')):
        tool['main']([str(config), '--work-dir', str(tmp_path)])
    monkeypatch.setenv('RANK', '1')  # its main process has the lock
    with work_dir_lock(str(tmp_path)):
        pass
    monkeypatch.setenv('RANK', '0')
    lock.release()
    for _ in range(2):
        with work_dir_lock(str(tmp_path)), pytest.raises(
                FileHeldError, match=f'process {os.getpid()}'):
            FileLock(tmp_path / 'train.lock')
