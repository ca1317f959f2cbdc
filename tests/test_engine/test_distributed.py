"""Several processes do what one does alone."""

import json
import subprocess

import numpy as np
import pytest

from tests.test_engine.distributed_labels import CLUSTERINGS, SIZES, label
from tests.tiny import (
    ROOT,
    checkpoint,
    environment,
    run_processes,
    tiny_config,
    train,
)


def curve(work_dir):
    file, = work_dir.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    names = ('loss', 'loss_id', 'loss_triplet', 'loss_domain_balance',
             'loss_discriminator')
    return {
        name: [row[name] for row in rows if name in row]
        for name in names
    }


@pytest.mark.parametrize('accumulated', [1, 2])
def test_two_processes_equal_one(toy, tmp_path, accumulated):
    cfg = tiny_config(
        toy, model__bn_group_size=8,
        optim_wrapper__accumulative_counts=accumulated)
    cfg.default_hooks.phases.phases = [
        dict(begin=0, discriminator_interval=3)
    ]
    # Batch norm over a few images of an untrained network magnifies rounding
    # a hundredfold in every step, and Adam makes whole steps of vanishing
    # gradients: double precision and SGD show that no more differs than
    # rounding.
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
    for epoch in (1, 2):
        tables = [
            checkpoint(tmp_path / run, epoch)['label_table']['labels']
            for run in ('one', 'two')
        ]
        np.testing.assert_array_equal(*tables)
        assert tables[0].max() >= 12  # there are pseudo identities
    one, two = curve(tmp_path / 'one'), curve(tmp_path / 'two')
    assert len(one['loss']) == 8
    for name, values in one.items():
        assert two[name] == pytest.approx(values, rel=1e-5), name


def test_processes_share_the_search_and_agree(tmp_path):
    run_processes(2, '-m', 'tests.test_engine.distributed_labels', tmp_path)
    for name, clustering in CLUSTERINGS.items():
        labels, alpha = label(clustering, SIZES.get(name, 401))
        assert name == 'one' or labels.max() > 10
        for rank in range(2):
            with np.load(tmp_path / f'{name}{rank}.npz') as found:
                np.testing.assert_array_equal(found['labels'], labels, name)
                np.testing.assert_equal(float(found['alpha']), alpha)
