"""Tests of tools/benchmarks/remix_cost.py."""

import json
import subprocess
import sys

from tests.tiny import ROOT, environment

TOOL = ROOT / 'tools' / 'benchmarks' / 'remix_cost.py'


def run(*arguments):
    return subprocess.run(
        [sys.executable, TOOL, *map(str, arguments)], env=environment(),
        capture_output=True, text=True)


def test_report(tmp_path):
    out = tmp_path / 'cost.json'
    result = run('--models', 'osnet_x0_25', '--size', 64, 32, '--batch-size',
                 16, '--iters', 1, '--warmup', 1, '--rounds', 1, '--threads',
                 1, '--out', out)
    assert result.returncode == 0, result.stderr[-3000:]
    report = json.loads(out.read_text())
    figures = report['results']['osnet_x0_25']
    assert figures['ratio'] == figures['remix'] / figures['baseline'] > 0
    assert report['settings']['batch_size'] == 16
    assert f'{figures["ratio"]:.2f} times' in result.stdout


def test_batch_holds_both_kinds():
    result = run('--batch-size', 12)
    assert result.returncode == 2
    assert 'must be a multiple of 8, got 12' in result.stderr
