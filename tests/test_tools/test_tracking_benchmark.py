"""Tests of tools/benchmarks/tracking.py."""

import json
import runpy
import sys

import numpy as np
import pytest

from mmreidmix.importing.boxes import make_boxes, read_boxes
from tests.tiny import ROOT
from tests.toy_recordings import sequence

TOOLS = ROOT / 'tools' / 'benchmarks'
# Two people in their places, of whom nobody is seen for 20 frames.
ROWS = [(frame, person, 10 + 60 * person, 10, 20, 50, 1, 1)
        for frame in (*range(1, 11), *range(31, 41)) for person in (0, 1)]


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    pytest.importorskip('deep_sort_realtime')
    pytest.importorskip('motmetrics')
    pytest.importorskip('supervision')
    monkeypatch.setattr(sys, 'path', [str(TOOLS), *sys.path])


def test_embeddings_bring_people_back():
    from common.tracking_runs import compare, describe, link_by_deep_sort
    truth = make_boxes(ROWS)
    without = link_by_deep_sort(truth, None, 0.2)
    assert describe(without)['tracks'] == 4
    tracks = link_by_deep_sort(truth, np.eye(2)[truth.tracks], 0.2)
    assert describe(tracks)['tracks'] == 2
    assert compare(truth, tracks, truth)['num_switches'] == 0
    right = compare(truth, truth.tracks, truth)
    assert right == dict(idf1=1, num_switches=0, mota=1)
    assert compare(truth, without, truth)['num_switches'] == 2
    swapped = truth.tracks ^ (truth.frames > 10)
    assert compare(truth, swapped, truth) == dict(
        idf1=0.5, num_switches=2, mota=0.95)


def test_toy_recording(tmp_path):
    from common.toy_walkers import write_walkers
    write_walkers(tmp_path, frames=6, people=3)
    truth, _ = read_boxes(tmp_path / 'gt' / 'gt.txt')
    found, _ = read_boxes(tmp_path / 'det' / 'det.txt')
    assert len(truth.frames) == 18 and 0 < len(found.frames) <= 18
    assert len(list((tmp_path / 'img1').iterdir())) == 6
    assert (found.tracks == -1).all()


@pytest.mark.parametrize('with_truth', [True, False])
def test_rows_of_the_table(checkpoint, tmp_path, capsys, with_truth):
    pytest.importorskip('trackers')
    lines = [f'{frame},{track},{left},1,20,50,0.9' for frame in range(1, 9)
             for track, left in ((1, 1), (2, 50))]
    folder = sequence(tmp_path / 's', lines, frames=8)
    truth = folder / 'gt' / 'gt.txt'
    out = tmp_path / 'found.json'
    main = runpy.run_path(str(TOOLS / 'tracking.py'))['main']
    words = [folder, truth, '--model', checkpoint, '--adapted', checkpoint,
             '--device', 'cpu', '--out', out]
    main([str(word) for word in (
        *words, *(['--truth', truth] if with_truth else []))])
    rows = json.loads(out.read_text())['rows']
    assert list(rows) == ['ByteTrack, no re-ID', 'DeepSORT, no re-ID',
                          'DeepSORT, start', 'DeepSORT, adapted']
    assert all(row['tracks'] == 2 for row in rows.values())
    assert ('idf1' in rows['DeepSORT, start']) == with_truth
    assert ('no truth' in capsys.readouterr().out) != with_truth


def test_boxes_or_toy(tmp_path, capsys):
    main = runpy.run_path(str(TOOLS / 'tracking.py'))['main']
    for words in ([], ['det.txt', '--toy']):
        with pytest.raises(SystemExit):
            main([str(tmp_path), *words, '--model', 'm.pth'])
        assert 'give DET.txt, or --toy' in capsys.readouterr().err
