"""Tests of tools/gallery/search.py."""

import json
import re
import runpy

import pytest
import torch
from PIL import Image

from mmreidmix.apis import Gallery, ReIDInferencer
from mmreidmix.apis.app.gallery_filling import extract_to_gallery
from mmreidmix.apis.app.path_parsing import PathReader
from tests.tiny import ROOT

TOOL = str(ROOT / 'tools' / 'gallery' / 'search.py')


@pytest.fixture(scope='module')
def search(checkpoint):
    """Runs the tool with the model; returns the exit status."""
    tool = runpy.run_path(TOOL)
    return lambda *arguments: tool['main']([
        *map(str, arguments), '--model', str(checkpoint), '--device', 'cpu'])


@pytest.fixture(scope='module')
def gallery(checkpoint, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp('search') / 'gallery'
    extract_to_gallery(
        ReIDInferencer(checkpoint, device='cpu'),
        pictures[0].parent.joinpath,
        [path.name for path in pictures], folder, PathReader('market1501'))
    return folder


def test_table_json_and_sheet(search, gallery, pictures,
                              tmp_path, capsys):
    assert search(gallery, *pictures[:2], '--topk', 4, '--out',
                  tmp_path / 'a.json', tmp_path / 'a.png',
                  '--images', pictures[0].parent) == 0
    shown = capsys.readouterr().out
    assert re.search('rank +score  camera  time  name\n', shown)
    assert 'threshold 0.500 (interval 0.400 to 0.600): false-match rate' in (
        shown)
    content = json.loads((tmp_path / 'a.json').read_text())
    assert content['threshold']['threshold'] == .5
    for picture, query in zip(pictures, content['queries']):
        first = query['matches'][0]
        assert first['name'] == picture.name and first['rank'] == 1
        assert first['reaches_threshold'] and first['score'] > .999
        assert len(query['matches']) == 4
        row = rf'1  \+  1.0000 +{first["camid"]} +-  {picture.name}'
        assert re.search(row, shown)
    with Image.open(tmp_path / 'a.png') as sheet:
        assert sheet.size[0] > 5 * 80


def test_the_threshold_is_a_line_of_the_table(search, gallery,
                                              pictures, capsys):
    search(gallery, pictures[0], '--topk', 12, '--fmr', .001)
    lines = capsys.readouterr().out.splitlines()
    cut = next(i for i, text in enumerate(lines) if '---- thres' in text)
    rows = [text for text in lines[2:] if text.lstrip()[:1].isdigit()]
    above = [text for text in rows if ' + ' in text]
    assert cut == 2 + len(above) and len(rows) == 12
    assert all(float(text.split()[2]) >= .8 for text in above)
    assert all(float(text.split()[1]) < .8 for text in rows[len(above):])


def test_filters(search, gallery, pictures, tmp_path):
    def cameras(*options):
        status = search(gallery, pictures[0], '--out', tmp_path / 'a.json',
                        *options)
        query, = json.loads((tmp_path / 'a.json').read_text())['queries']
        assert status == (not any(
            match['reaches_threshold'] for match in query['matches']))
        return {match['camid'] for match in query['matches']}

    assert cameras() == {1, 2}
    assert cameras('--camids', 2) == {2}
    assert cameras('--exclude-camids', 2, '--rerank') == {1}
    # neither is known
    assert cameras('--after', '2026-05-01') == set()
    assert cameras('--tracklets', 1) == set()
    assert cameras('--by-tracklet') == {1, 2}


def test_nobody_is_status_1(gallery, pictures, checkpoint, tmp_path, capsys):
    def lift(content):
        for row in content['meta']['thresholds']['thresholds']:
            row['threshold'] = 1.5

    main = runpy.run_path(TOOL)['main']
    model = changed(checkpoint, tmp_path / 'a.pth', lift)
    words = [str(gallery), *map(str, pictures[:2]), '--model', str(model),
             '--device', 'cpu', '--topk', '1']
    assert main(words) == 1
    bare = changed(model, tmp_path / 'b.pth',
                   lambda content: content['meta'].pop('thresholds'))
    words[words.index(str(model))] = str(bare)
    assert main(words) == 0
    assert main([*words, '--camids', '77']) == 1


@pytest.mark.parametrize('options, message', [
    (['--out', 'a.json', 'a.txt'], 'a.txt must end in .json, .png'),
    (['--out', 'a.png'], '--out needs --images'),
    (['--before', 'noon'], 'is no time')])
def test_wrong_use_is_status_2(capsys, options, message):
    with pytest.raises(SystemExit) as end:
        runpy.run_path(TOOL)['main'](['g', 'a.jpg', '--model', 'm', *options])
    assert end.value.code == 2 and message in capsys.readouterr().err


def changed(checkpoint, path, change):
    content = torch.load(checkpoint, weights_only=True)
    change(content)
    torch.save(content, path)
    return path


def test_bad_input_is_told(search, gallery, pictures,
                           checkpoint, tmp_path, capsys):
    (tmp_path / 'empty.jpg').write_bytes(b'')
    (tmp_path / 'cut.jpg').write_bytes(pictures[0].read_bytes()[:-50])
    Gallery.create(tmp_path / 'nothing', 128).close()
    with Gallery.create(tmp_path / 'narrow', 3) as narrow:
        narrow.add(torch.eye(3), ['a', 'b', 'c'])
    damaged = tmp_path / 'damaged'
    damaged.mkdir()
    log = bytearray((gallery / 'gallery.log').read_bytes())
    log[-100] ^= 1
    (damaged / 'gallery.log').write_bytes(log)
    for arguments, message in (
            ((gallery, tmp_path / 'empty.jpg'), 'the file is empty'),
            ((gallery, tmp_path / 'cut.jpg'), 'cut short'),
            ((gallery, tmp_path / 'no.jpg'), 'cannot be opened'),
            ((tmp_path, pictures[0]), 'holds no gallery'),
            ((tmp_path / 'nothing', pictures[0]), 'is empty'),
            ((tmp_path / 'narrow', pictures[0]), 'dimensions for a gallery '
             'of 3'),
            ((damaged, pictures[0]), 'gallery.log is damaged at byte'),
            ((gallery, pictures[0], '--fmr', '0.7'), 'not for 0.7')):
        assert search(*arguments) == 2
        assert message in capsys.readouterr().err
    assert (damaged / 'gallery.log').read_bytes() == log


def test_a_checkpoint_without_config_and_another_model(
        gallery, pictures, checkpoint, tmp_path, capsys):
    main = runpy.run_path(TOOL)['main']

    def shift(content):
        for value in content['state_dict'].values():
            value += value.dtype.is_floating_point

    bare = changed(checkpoint, tmp_path / 'bare.pth',
                   lambda content: content.pop('meta'))
    other = changed(checkpoint, tmp_path / 'other.pth', shift)
    for model, message in ((bare, 'does not carry its config'),
                           (other, 'embeddings of two models')):
        assert main([str(gallery), str(pictures[0]), '--model', str(model),
                     '--device', 'cpu']) == 2
        assert message in capsys.readouterr().err


def test_without_a_threshold(gallery, pictures, checkpoint,
                             tmp_path, capsys):
    main = runpy.run_path(TOOL)['main']
    model = changed(checkpoint, tmp_path / 'a.pth',
                    lambda content: content['meta'].pop('thresholds'))
    assert main([str(gallery), str(pictures[0]), '--model', str(model),
                 '--device', 'cpu']) == 0
    shown = capsys.readouterr().out
    assert 'tools/analysis_tools/calibrate.py finds' in shown
    assert ' + ' not in shown


def test_a_name_does_not_leave_the_folder(search, pictures, tmp_path, capsys):
    with Gallery.create(tmp_path / 'gallery', 128) as gallery:
        gallery.add(torch.eye(128)[:1], ['../secret.jpg'])
    assert search(tmp_path / 'gallery', pictures[0], '--out',
                  tmp_path / 'a.png', '--images', tmp_path / 'gallery') == 2
    assert "'../secret.jpg' is not inside" in capsys.readouterr().err
    assert not (tmp_path / 'a.png').exists()
