"""Tests of tools/analysis_tools/reassociation.py."""

import json
import runpy

import pytest

from tests.tiny import ROOT
from tests.toy_recordings import sequence, written

TOOL = ROOT / 'tools' / 'analysis_tools' / 'reassociation.py'
#: Two people at places of other grey: the same in frames 2 and 3, nobody
#: new in 4; one box outside.
LINES = [f'{frame},{track},{left},1,20,50,1' for frame in (2, 3, 4)
         for track, left in ((1, 1), (2, 50))] + ['4,3,200,1,20,50,1']


def run(*words):
    return runpy.run_path(str(TOOL))['main']([str(word) for word in words])


def test_scores_a_recording(checkpoint, tmp_path, capsys):
    folder = sequence(tmp_path / 's', LINES)
    out = tmp_path / 'scores.json'
    assert run(folder, folder / 'gt' / 'gt.txt', '--model', checkpoint,
               '--gap', 1, '--stride', 2, '--out', out) == 0
    found = json.loads(out.read_text())
    assert found['queries'] == 2 and found['candidates'] == 2
    assert found['no_later_frame'] == 2 and found['boxes_without_pixel'] == 1
    assert found['rank1'] == found['mrr'] == 1
    assert 'rank-1 100.0, MRR 100.0: 2 queries' in capsys.readouterr().out


@pytest.mark.parametrize('line, message', [
    ('2,-1,1,1,20,50,1', 'has no identities'),
    ('2,1,1,1,20,50,1', 'no person of a frame')])
def test_boxes_that_can_not_be_scored(checkpoint, tmp_path, capsys, line,
                                      message):
    file = written(tmp_path / 'gt.txt', [line])
    folder = sequence(tmp_path / 's', LINES)
    assert run(folder, file, '--model', checkpoint, '--gap', 1,
               '--stride', 2) == 2
    assert message in capsys.readouterr().err
