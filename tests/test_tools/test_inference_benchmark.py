"""Tests of tools/benchmarks/inference.py."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from tests.tiny import tiny_config
from tests.tiny_checkpoint import write_checkpoint

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')
TOOL = Path(__file__).parents[2] / 'tools' / 'benchmarks' / 'inference.py'


def test_measures_every_backend(toy, tmp_path, monkeypatch, capsys):
    checkpoint = write_checkpoint(tmp_path / 'a.pth', tiny_config(toy))
    folder = next((toy / 'unseen').glob('*/query'))
    monkeypatch.setattr(sys, 'path', [str(TOOL.parent), *sys.path])
    main = runpy.run_path(str(TOOL))['main']
    backends = ['torch', 'torch bf16', 'onnxruntime', 'onnxruntime int8']
    out = tmp_path / 'speed.json'
    assert main([
        str(checkpoint), '--images', str(folder), '--num', '6',
        '--batch-size', '4', '--rounds', '1', '--out', str(out),
        '--backends', *backends]) is None  # exit status 0
    found = json.loads(out.read_text())
    assert list(found['backends']) == backends and found['pictures'] == 6
    cosines = {name: row['lowest_cosine']
               for name, row in found['backends'].items()}
    assert cosines['onnxruntime'] == pytest.approx(1, abs=1e-5)
    assert 0.9 < cosines['onnxruntime int8'] < cosines['onnxruntime']
    assert all(row['latency_ms'] > 0 and row['pictures_per_s'] > 0
               for row in found['backends'].values())
    printed = capsys.readouterr().out
    assert all(f'\n{name} ' in printed for name in backends)
    with pytest.raises(SystemExit):
        main([str(checkpoint), '--images', str(folder), '--batch-size', '0'])
