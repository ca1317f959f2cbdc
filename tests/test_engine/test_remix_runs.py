"""Whole ReMix runs: several processes, and a killed one."""

import json
import subprocess

import numpy as np
import pytest

from tests.test_engine.test_resume import assert_equal, killed_run, losses
from tests.tiny import ROOT, checkpoint, environment, train
from tests.tiny_remix import tiny_remix_config


def curve(work_dir):
    """Logged values of each loss."""
    file, = work_dir.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows = [row for row in rows if 'loss' in row]
    return {k: [row[k] for row in rows] for k in rows[0] if 'loss' in k}


def test_two_processes_equal_one(toy, tmp_path):
    # 'online' embeds all images in the first epoch, as 'epoch' in each.
    cfg = tiny_remix_config(
        toy, model__bn_group_size=8,
        default_hooks__pseudo_labels__refresh='online')
    # See test_distributed.py: rounding would be magnified else.
    cfg.custom_imports = dict(imports=['tests.float64'])
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.01, momentum=0.9)
    cfg.dump(tmp_path / 'one.py')
    cfg.train_dataloader.batch_size = 8
    cfg.dump(tmp_path / 'two.py')
    train(tmp_path / 'one.py', tmp_path / 'one')
    result = subprocess.run(
        [
            'bash', ROOT / 'tools' / 'dist_train.sh', tmp_path / 'two.py',
            '2', '--work-dir', tmp_path / 'two'
        ],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True)
    assert result.returncode == 0, result.stdout[-3000:]
    one, two = (checkpoint(tmp_path / run, 2) for run in ('one', 'two'))
    labels = one['label_table']['labels']
    np.testing.assert_array_equal(labels, two['label_table']['labels'])
    assert labels.max() >= 12  # there are pseudo identities
    one, two = curve(tmp_path / 'one'), curve(tmp_path / 'two')
    assert len(one['loss']) == 8 and len(one) == 5
    for name, values in one.items():
        assert two[name] == pytest.approx(values, rel=1e-7), name


@pytest.mark.parametrize('refresh', ['epoch', 'online'])
def test_killed_and_resumed_equals_uninterrupted(toy, tmp_path, refresh):
    config = tmp_path / 'config.py'
    tiny_remix_config(
        toy,
        train_cfg__max_epochs=3,
        default_hooks__pseudo_labels__refresh=refresh,
        default_hooks__checkpoint__max_keep_ckpts=-1).dump(config)
    train(config, tmp_path / 'whole')
    killed_run(config, tmp_path / 'killed', 1)
    train(config, tmp_path / 'killed', '--resume')
    a, b = (checkpoint(tmp_path / run, 3) for run in ('whole', 'killed'))
    parts = ['state_dict', 'label_table', 'optimizer']
    if refresh == 'online':
        parts.append('centroids_memory')
    for part in parts:
        assert_equal(a[part], b[part], part)
    assert int(a['state_dict']['momentum_encoder.steps']) == 12
    assert losses(tmp_path / 'whole') == losses(tmp_path / 'killed')
    assert len(losses(tmp_path / 'whole')) == 12
