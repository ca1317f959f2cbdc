"""Tests of tools/gallery.py."""

import csv
import io
import json
import runpy
import subprocess
import sys

import numpy as np
import pytest

from mmreidmix.apis import Gallery, ReIDInferencer
from tests.tiny import ROOT, environment

DIM = 64
#: 2026-05-01T00:00 UTC
NIGHT = 1777593600
#: Numbers that can be searched for as bytes; a direction of their own.
MARKER = np.linspace(1, 2, DIM, dtype='<f4')


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(str(ROOT / 'tools' / 'gallery.py'))['main']


@pytest.fixture
def folder(tmp_path):
    """Six images of cameras 1 and 2 and an unknown one, an hour apart."""
    names = ['cam1/a.jpg', 'cam1/b.jpg', 'cam2/a.jpg', 'cam2/b.jpg',
             'cam2/x=[1].jpg', 'else.jpg']
    rows = np.random.default_rng(0).standard_normal((6, DIM))
    rows[1] = MARKER
    with Gallery.create(tmp_path / 'g', DIM, 'sha-of-model') as gallery:
        gallery.add(rows, names, camids=[1, 1, 2, 2, 2, -1],
                    times=[NIGHT + 3600 * i for i in range(5)] + [np.nan],
                    tracklets=[7, 7, 8, 8, -1, -1])
    return tmp_path / 'g'


def names_in(folder):
    gallery = Gallery.open(folder, read_only=True)
    return [entry.name for entry in gallery.entries(gallery.ids)]


def bytes_in(folder):
    return b''.join(path.read_bytes() for path in folder.rglob('*'))


def unit(row):
    """Bytes of an embedding as a gallery keeps it."""
    gallery = Gallery(DIM)
    gallery.add(row[None], ['a'])
    return gallery.embeddings([0]).tobytes()


@pytest.mark.parametrize('options, gone', [
    (['--images', 'cam1/b.jpg'], [1]),
    (['--images', 'cam1'], [0, 1]),
    (['--images', 'cam1/', 'else.jpg'], [0, 1, 5]),
    (['--images', '*/a.jpg'], [0, 2]),
    (['--images', 'cam?/b*'], [1, 3]),
    (['--images', 'cam2/x=[1].jpg'], [4]),
    (['--images', '*'], [0, 1, 2, 3, 4, 5]),
    (['--camids', '2'], [2, 3, 4]),
    (['--exclude-camids', '2'], [0, 1, 5]),
    (['--tracklets', '7'], [0, 1]),
    (['--before', '2026-05-01T01:00'], [0]),
    (['--after', '2026-05-01T03:00'], [3, 4]),
    (['--camids', '2', '--before', '2026-05-01T03:30'], [2, 3]),
    (['--camids', '2', '--images', '*/a.jpg'], [2]),
])
def test_what_is_removed(tool, folder, capsys, options, gone):
    before = names_in(folder)
    assert tool(['remove', str(folder), *options, '--dry-run']) == 0
    text = capsys.readouterr().out
    assert f'{len(gone)} of 6 images' in text
    assert '--dry-run: nothing was removed' in text
    assert names_in(folder) == before
    assert tool(['remove', str(folder), *options]) == 0
    text = capsys.readouterr().out
    assert f'{len(gone)} images removed' in text
    assert f'gallery.py compact {folder}' in text
    assert names_in(folder) == [
        name for i, name in enumerate(before) if i not in gone]


@pytest.mark.parametrize('at_once', [True, False])
def test_nothing_is_left_on_the_disk(tool, folder, capsys, at_once):
    """Neither name nor embedding, in the log, an index or a torn record."""
    with Gallery.open(folder) as gallery:
        gallery.build_index('hnsw')
        gallery.close()
    marks = b'cam1/b.jpg', unit(MARKER)
    (folder / 'torn-5-0.bin').write_bytes(marks[1])
    content = (folder / 'gallery.log').read_bytes()
    assert all(mark in content for mark in marks)
    words = ['remove', str(folder), '--images', 'cam1/b.jpg']
    if at_once:
        assert tool([*words, '--compact']) == 0
    else:
        assert tool(words) == 0
        assert all(mark in bytes_in(folder) for mark in marks)
        assert tool(['compact', str(folder)]) == 0
    assert '1 removed images forgotten, 5 are left' in capsys.readouterr().out
    assert not any(mark in bytes_in(folder) for mark in marks)
    assert len(names_in(folder)) == 5


def test_what_a_filter_can_not_judge_is_told(tool, folder, capsys):
    tool(['remove', str(folder), '--camids', '1', '2', '--dry-run'])
    told = capsys.readouterr().err
    assert 'note: 1 images have no known camera, so they are kept' in told
    tool(['remove', str(folder), '--before', '2027-01-01', '--dry-run'])
    assert '1 images have no known time' in capsys.readouterr().err
    tool(['remove', str(folder), '--tracklets', '8', '--camids', '2',
          '--dry-run'])
    told = capsys.readouterr().err
    assert '1 images have no known tracklet' in told and 'camera' not in told


@pytest.mark.parametrize('command', ['remove', 'list'])
@pytest.mark.parametrize('options, message', [
    (['--images', 'cam1/a.jpg', 'cam9/*'], "is called 'cam9/*': python"),
    (['--camids', '9'], 'passes the filters'),
    (['--images', 'cam1', '--camids', '2'], 'passes the filters')])
def test_no_image_is_status_1(tool, folder, capsys, command, options, message):
    before = (folder / 'gallery.log').read_bytes()
    assert tool([command, str(folder), *options]) == 1
    assert message in capsys.readouterr().err
    assert (folder / 'gallery.log').read_bytes() == before


@pytest.mark.parametrize('words, message', [
    (['remove', 'g'], "--images '*' for all"),
    (['remove', 'g', '--before', 'noon'], 'is no time'),
    (['list', 'g', '--format', 'xml'], 'invalid choice'),
    (['list', 'g', '--out', '/dev/null/x'], 'can not be written'),
    (['add', 'g', '--model', 'm'], '--images --domain is required'),
    (['drop', 'g'], 'invalid choice'), ([], 'required: COMMAND')])
def test_wrong_use_is_status_2(tool, capsys, words, message):
    with pytest.raises(SystemExit) as end:
        tool(words)
    assert end.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize('words', [
    ['info'], ['list'], ['remove', '--images', 'a'], ['compact']])
def test_wrong_input_is_status_2(tool, folder, tmp_path, capsys, words):
    damaged = tmp_path / 'damaged'
    damaged.mkdir()
    (damaged / 'gallery.log').write_bytes(b'x' * 100)
    for place, message in ((tmp_path / 'no', 'holds no gallery'),
                           (damaged, 'is damaged at byte 0')):
        assert tool([words[0], str(place), *words[1:]]) == 2
        assert message in capsys.readouterr().err
    with Gallery.open(folder):
        if words[0] in ('remove', 'compact'):
            assert tool([words[0], str(folder), *words[1:]]) == 2
            assert 'open for writing already' in capsys.readouterr().err
        else:  # may be read meanwhile
            assert tool([words[0], str(folder), *words[1:]]) == 0


def test_info(tool, folder, capsys):
    tool(['remove', str(folder), '--images', 'cam2/b.jpg'])
    capsys.readouterr()
    assert tool(['info', str(folder), '--format', 'json']) == 0
    facts = json.loads(capsys.readouterr().out)
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert facts == dict(
        gallery=str(folder), images=5, removed=1, dimensions=DIM,
        model='sha-of-model', cameras={'1': 2, '2': 2}, without_camera=1,
        tracklets=2, times=[NIGHT, NIGHT + 4 * 3600], without_time=1,
        bytes=size)
    assert tool(['info', str(folder)]) == 0
    text = capsys.readouterr().out
    for row in ('images            5', 'dimensions        64',
                'removed           1, in the file until compact',
                'model             sha-of-model',
                'cameras           1: 2, 2: 2', 'without camera    1',
                'times             2026-05-01 00:00:00 to '
                '2026-05-01 04:00:00', 'on disk           0.0 MiB'):
        assert f'{row}\n' in text
    Gallery.create(folder.with_name('empty'), 3).close()
    assert tool(['info', str(folder.with_name('empty'))]) == 0
    text = capsys.readouterr().out
    assert 'model             not known\n' in text and 'times             -\n'


def test_list(tool, folder, tmp_path, capsys):
    assert tool(['list', str(folder), '--camids', '1', '2', '--before',
                 '2026-05-01T02:00']) == 0
    assert capsys.readouterr().out == (
        'id  camid                 time  tracklet  name\n'
        ' 0      1  2026-05-01 00:00:00         7  cam1/a.jpg\n'
        ' 1      1  2026-05-01 01:00:00         7  cam1/b.jpg\n')
    assert tool(['list', str(folder), '--images', 'else.jpg', 'cam2/x*',
                 '--format', 'csv']) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [
        ['id', 'camid', 'time', 'tracklet', 'name'],
        ['4', '2', '2026-05-01 04:00:00', '', 'cam2/x=[1].jpg'],
        ['5', '', '', '', 'else.jpg']]
    out = tmp_path / 'new' / 'list.json'
    assert tool(['list', str(folder), '--format', 'json', '--out',
                 str(out)]) == 0
    assert capsys.readouterr().out == f'6 images: {out}\n'
    rows = json.loads(out.read_text())
    assert [row['name'] for row in rows] == names_in(folder)
    assert rows[5] == dict(
        id=5, camid=None, time=None, tracklet=None, name='else.jpg')
    assert rows[1]['time'] == NIGHT + 3600


def test_a_reader_that_has_enough(tmp_path):
    with Gallery.create(tmp_path / 'g', 2) as gallery:
        gallery.add(np.ones((9000, 2)), [f'{i:09d}.jpg' for i in range(9000)])
    lines = subprocess.Popen(
        [sys.executable, ROOT / 'tools' / 'gallery.py', 'list',
         tmp_path / 'g'], env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert lines.stdout.readline().split()[-1] == 'name'
    lines.stdout.close()
    assert lines.wait(300) == 0
    assert lines.stderr.read() == ''
    lines.stderr.close()


def test_names_can_not_steer_the_terminal(tool, tmp_path, capsys):
    with Gallery.create(tmp_path / 'g', 2) as gallery:
        gallery.add(np.eye(2), ['a\x1b[2J.jpg', 'b.jpg'])
    for words in (['list'], ['remove', '--images', '*', '--dry-run']):
        assert tool([words[0], str(tmp_path / 'g'), *words[1:]]) == 0
        text = capsys.readouterr().out
        assert '\x1b' not in text and r'\x1b[2J.jpg' in text


def test_add_and_add_again(tool, checkpoint, pictures, tmp_path, capsys):
    places = [str(path) for path in pictures[:3]]
    (tmp_path / 'bad.jpg').write_bytes(b'')
    words = ['add', str(tmp_path / 'g'), '--model', str(checkpoint),
             '--device', 'cpu', '--root', '/', '--names', 'market1501']
    assert tool([*words, '--images', *places[:2]]) == 0
    shown = capsys.readouterr().out
    assert '2 images added, 0 there already, 0 damaged' in shown
    assert '2 of 2 images, ' in shown
    assert tool([*words, '--images', *places]) == 0
    assert '1 images added, 2 there already' in capsys.readouterr().out
    with Gallery.open(tmp_path / 'g') as gallery:
        assert len(gallery) == 3
        assert gallery.model == ReIDInferencer(checkpoint).sha256
        assert {entry.camid for entry in gallery.entries(gallery.ids)} <= {
            1, 2}
    assert tool([*words, '--images', str(tmp_path / 'bad.jpg')]) == 2
    assert 'do not match the pattern' in capsys.readouterr().err
    assert tool([*words[:-4], '--images', str(tmp_path / 'bad.jpg')]) == 0
    shown = capsys.readouterr()
    assert 'the file is empty' in shown.err and '1 damaged' in shown.out
