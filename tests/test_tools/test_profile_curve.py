"""Tests of tools/analysis_tools/profile_curve.py."""

import re
import runpy

import numpy as np
import pytest

from tests.tiny import ROOT


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(
        str(ROOT / 'tools' / 'analysis_tools' / 'profile_curve.py'))


@pytest.mark.parametrize('options', [[], ['--tested']])
def test_one_row_for_each_number_of_images(tool, checkpoint, toy, capsys,
                                           options):
    tool['main']([
        str(checkpoint), '--domain', f'Market1501:{toy}/unseen:name=unseen',
        '--device', 'cpu', '--counts', '2', '4', '--draws', '3', *options])
    lines = capsys.readouterr().out.splitlines()
    rows = lines[lines.index('images per camera | mAP | +-') + 1:]
    assert [row.split(' |')[0] for row in rows] == ['none', '2', '4', 'all']
    for row in rows[1:3]:
        assert re.fullmatch(r'\d \| \d+\.\d \| \d+\.\d', row), row


def test_images_are_drawn_of_each_camera(tool):
    cameras = np.repeat([3, 1, 2], [10, 6, 2])
    found = tool['drawn'](cameras, 4, seed=0)
    assert len(set(found.tolist())) == 10
    assert np.bincount(cameras[found]).tolist() == [0, 4, 2, 4]


def test_wrong_options(tool, capsys):
    with pytest.raises(SystemExit):
        tool['parse_args'](['m.pth', '--domain', 'Market1501:x', '--draws',
                            '0'])
    assert 'must be at least 1' in capsys.readouterr().err
