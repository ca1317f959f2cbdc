"""Tests of tools/gallery/extract.py."""

import runpy
import shutil

import numpy as np
import pytest

from mmreidmix.apis import ReIDInferencer
from tests.tiny import ROOT


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(ROOT / 'tools' / 'gallery' / 'extract.py'))


@pytest.fixture
def folder(pictures, tmp_path):
    folder = tmp_path / 'pictures'
    folder.mkdir()
    for path in pictures[:5]:
        shutil.copy(path, folder)
    return folder


def test_an_npz(tool, checkpoint, folder, tmp_path, capsys):
    (folder / '0001_c1s1_000000_00.jpg').write_bytes(b'')
    out = tmp_path / 'new' / 'embeddings.npz'
    status = tool['main']([
        str(checkpoint), '--images', str(folder), '--out', str(out),
        '--names', 'market1501', '--part', '2', '--device', 'cpu'])
    shown = capsys.readouterr()
    assert status == 0
    assert '1 damaged images are left out' in shown.err
    assert '0001_c1s1_000000_00.jpg: the file is empty' in shown.err
    assert '6 of 6 images' in shown.out and '5 embeddings of' in shown.out
    with np.load(out) as content:
        assert len(content['names']) == 5
        assert set(content['camids']) <= {1, 2}
        assert (content['pids'] > 0).all() and np.isnan(
            content['times']).all()
        inferencer = ReIDInferencer(checkpoint, device='cpu')
        assert content['model'] == inferencer.sha256
        assert content['precision'] == 'fp32'
        np.testing.assert_allclose(
            content['embeddings'],
            inferencer([folder / name for name in content['names']]),
            atol=1e-6)


@pytest.mark.parametrize('options, message', [
    (['--names', 'market1501'], 'do not match the pattern'),
    (['--pattern', '('], 'not a regular expression'),
    (['--root', 'elsewhere'], 'not below the root')])
def test_bad_input_is_told(tool, checkpoint, folder, tmp_path,
                           capsys, options, message):
    (folder / 'new.jpg').write_bytes(b'')
    assert tool['main']([
        str(checkpoint), '--images', str(folder), '--out',
        str(tmp_path / 'x.npz'), '--device', 'cpu', *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'x.npz').exists()


def test_the_place_of_the_output_is_tried_first(
        tool, checkpoint, folder, capsys):
    with pytest.raises(SystemExit):
        tool['main']([str(checkpoint), '--images', str(folder), '--out',
                      f'{checkpoint}/x.npz'])
    assert 'can not be written' in capsys.readouterr().err


def test_no_picture_no_model(tool, checkpoint, tmp_path,
                             capsys):
    for model, place, message in (
            (checkpoint, tmp_path, 'no image below'),
            (checkpoint, tmp_path / 'a.jpg', 'no image or folder'),
            (tmp_path / 'x.pth', ROOT / 'docs', 'no file'),
            (ROOT / 'setup.py', ROOT / 'docs', '')):
        assert tool['main']([str(model), '--images', str(place), '--out',
                             str(tmp_path / 'x.npz')]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool['main'](['m', '--images', 'p', '--out', 'x.txt'])
