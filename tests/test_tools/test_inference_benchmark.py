"""Tests of tools/benchmarks/inference.py."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
        str(checkpoint), '--images', str(folder), '--crops', '1', '6',
        '--rounds', '1', '--out', str(out),
        '--backends', *backends]) is None  # exit status 0
    found = json.loads(out.read_text())['backends']
    assert list(found) == backends
    cosines = {name: row['lowest_cosine'] for name, row in found.items()}
    assert cosines['onnxruntime'] == pytest.approx(1, abs=1e-5)
    assert 0.9 < cosines['onnxruntime int8'] < cosines['onnxruntime']
    assert all(row[num]['milliseconds_95'] >= row[num]['milliseconds'] > 0
               for row in found.values() for num in ('1', '6'))
    printed = capsys.readouterr().out
    assert all(f'\n{name} ' in printed for name in backends)
    with pytest.raises(SystemExit):
        main([str(checkpoint), '--images', str(folder), '--crops', '0'])


def test_pictures_stand_side_by_side_in_a_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'path', [str(TOOL.parent), *sys.path])
    read_frame = runpy.run_path(str(TOOL))['read_frame']
    pictures = [np.full((h, w, 3), 50 + h, np.uint8)
                for h, w in ((4, 2), (7, 3), (5, 6))]
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f'{number}.png')
    frame, boxes = read_frame(tmp_path, 3)
    assert frame.shape == (7, 11, 3)
    for (left, top, right, bottom), picture in zip(
            boxes.astype(int), pictures):
        np.testing.assert_array_equal(
            frame[top:bottom, left:right], picture)
