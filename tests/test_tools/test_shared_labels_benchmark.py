"""Tests of tools/benchmarks/shared_labels.py."""

import json
import os
import runpy
import subprocess
import sys

import numpy as np
import pytest

from mmreidmix.pseudo_labels import JaccardDBSCAN
from tests.tiny import ROOT, environment, free_port

TOOL = ROOT / 'tools' / 'benchmarks' / 'shared_labels.py'


@pytest.fixture
def planted(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOL.parent))
    path = TOOL.parent / 'common' / 'synthetic_features.py'
    return runpy.run_path(str(path))['planted_features']


@pytest.mark.parametrize('part', [slice(0, 3), slice(8000, 9000),
                                  slice(9999, 10000), slice(5, 5)])
def test_part_of_planted_features(planted, part):
    whole, persons, _ = planted(10000, 40, 1)
    features, again, _ = planted(10000, 40, 1, part=part)
    np.testing.assert_array_equal(features, whole[part])
    np.testing.assert_array_equal(again, persons)


def test_two_processes_give_the_labels_of_one(planted, tmp_path):
    out = tmp_path / 'result.json'
    run = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node',
         '2', '--master-port', free_port(), '--', str(TOOL), '--num', '900',
         '--dim', '16', '--out', str(out)],
        env=environment(), text=True, capture_output=True)
    assert run.returncode == 0, run.stderr
    assert 'processes: 2' in run.stdout
    report = json.loads(out.read_text())
    features, *_ = planted(900, 16, 0)
    result = JaccardDBSCAN()(features)
    for process in report['processes']:
        assert process['clusters'] == result.clusters.max() + 1
        assert process['labels_sha256'] == runpy.run_path(str(TOOL))[
            'hashed'](result.labels)


def test_memory_is_limited():
    run = subprocess.run(
        [sys.executable, str(TOOL), '--num', '60000', '--dim', '512',
         '--memory', '50'], env=dict(environment(), PYTHONPATH=os.pathsep.join(
             [str(ROOT), str(TOOL.parent)])), text=True, capture_output=True)
    assert run.returncode == 2
    assert 'MemoryError' in run.stderr or 'allocate' in run.stderr
