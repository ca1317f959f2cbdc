"""A killed run goes on as if nothing had happened, bit for bit."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch

from tests.tiny import TRAIN, checkpoint, environment, tiny_config, train

EPOCHS = 3


@pytest.fixture(scope='module')
def whole_run(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp('whole')
    config = folder / 'config.py'
    # Relabelling in epochs 1 and 3 only, balance loss from epoch 2 on: a
    # resumed epoch needs the saved labels, thresholds and both optimizers.
    cfg = tiny_config(
        toy,
        train_cfg__max_epochs=EPOCHS,
        default_hooks__pseudo_labels__interval=2,
        default_hooks__checkpoint__max_keep_ckpts=-1)
    cfg.default_hooks.phases.phases = [
        dict(begin=0),
        dict(begin=1, discriminator_interval=2)
    ]
    # Weights of the start, which a resumed run has from its checkpoint alone.
    cfg.default_hooks.start_share = dict(type='StartShareHook')
    cfg.dump(config)
    train(config, folder / 'run')
    return config, folder / 'run'


def killed_run(config, work_dir, epoch):
    """Start a run and kill it as soon as an epoch's checkpoint is there."""
    process = subprocess.Popen(
        [sys.executable, TRAIN, config, '--work-dir', work_dir],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    last = work_dir / 'last_checkpoint'
    deadline = time.time() + 300
    while time.time() < deadline and process.poll() is None:
        if last.exists() and f'epoch_{epoch}.pth' in last.read_text():
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def losses(work_dir):
    """Logged training losses by step, later runs over earlier ones."""
    values = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if 'loss' in row:
                values[row['step']] = {
                    k: v
                    for k, v in row.items() if 'loss' in k
                }
    return values


def assert_equal(a, b, where=''):
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal(a[key], b[key], f'{where}.{key}')
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b)):
            assert_equal(x, y, f'{where}[{i}]')
    elif torch.is_tensor(a):
        assert torch.equal(a, b), where
    elif hasattr(a, 'tolist'):
        assert a.tolist() == b.tolist(), where
    else:
        assert a == b, where


@pytest.mark.parametrize('epoch', range(1, EPOCHS))
def test_killed_and_resumed_equals_uninterrupted(whole_run, tmp_path, epoch):
    config, whole = whole_run
    killed_run(config, tmp_path / 'run', epoch)
    train(config, tmp_path / 'run', '--resume')
    a, b = (checkpoint(d, EPOCHS) for d in (whole, tmp_path / 'run'))
    for part in ('state_dict', 'label_table', 'pseudo_labels', 'optimizer',
                 'param_schedulers'):
        assert_equal(a[part], b[part], part)
    assert a['optimizer'].keys() == {'encoder', 'discriminator'}
    assert losses(whole) == losses(tmp_path / 'run')
    assert len(losses(whole)) == 4 * EPOCHS
