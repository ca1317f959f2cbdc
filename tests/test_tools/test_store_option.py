"""Tests of --store in the tools: a gallery in a server."""

import json
import os
import runpy
import subprocess
import sys

import pytest

from mmreidmix.apis import open_gallery
from mmreidmix.apis.app.search_page import SearchPage
from tests.tiny import ROOT


def run(tool, *words):
    main = runpy.run_path(str(ROOT / 'tools' / tool))['main']
    return main([str(word) for word in words])


@pytest.fixture(scope='module')
def station(postgres, checkpoint, pictures):
    """A gallery that the tool made in a server."""
    assert run('gallery.py', 'add', 'station', '--store', postgres, '--model',
               checkpoint, '--images', *pictures[:8], '--names',
               'market1501', '--part', 3) == 0
    return ['station', '--store', postgres]


def test_info_list_remove_compact(station, postgres, capsys):
    assert run('gallery.py', 'info', *station, '--format', 'json') == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts['images'] == 8 and facts['removed'] is None
    assert facts['gallery'].startswith('station in postgresql://')
    assert run('gallery.py', 'info', *station) == 0
    assert 'not counted by the server' in capsys.readouterr().out
    run('gallery.py', 'list', *station, '--format', 'json')
    first = json.loads(capsys.readouterr().out)[0]['name']
    assert run('gallery.py', 'remove', *station, '--images', first,
               '--compact') == 0
    text = capsys.readouterr().out
    assert 'all removed images forgotten, 7 are left' in text
    assert 'Backups of the server' in text
    with open_gallery('station', store=postgres) as gallery:
        assert gallery.ids.tolist() == list(range(1, 8))


def test_images_that_are_there_are_left_out(station, checkpoint, pictures,
                                            capsys):
    with open_gallery(station[0], store=station[2]) as gallery:
        before = len(gallery)
    assert run('gallery.py', 'add', *station, '--model', checkpoint,
               '--images', *pictures[:9], '--names', 'market1501') == 0
    assert f'{9 - before} images added, {before} there already, 0 damaged' in (
        capsys.readouterr().out)


def test_search_and_page(station, checkpoint, pictures, tmp_path):
    from mmreidmix.apis import ReIDInferencer
    out = tmp_path / 'found.json'
    words = [*station, pictures[3], '--model', checkpoint, '--out', out]
    assert run('gallery/search.py', *words) == 0
    query, = json.loads(out.read_text())['queries']
    assert query['matches'][0]['name'] == pictures[3].name
    with open_gallery(station[0], store=station[2],
                      read_only=True) as gallery:
        page = SearchPage(gallery, ReIDInferencer(checkpoint),
                          pictures[0].parent)
        found = page.search(page.example())
    assert found.searched == len(gallery)
    assert len(found.above + found.below) == len(gallery) - 1


def test_camera_profiles(station, checkpoint, tmp_path):
    assert run('gallery/camera_profiles.py', checkpoint, '--gallery',
               *station, '--out', tmp_path / 'profiles.npz',
               '--standardised', 'standardised') == 0
    with open_gallery('station', store=station[2]) as gallery, open_gallery(
            'standardised', store=station[2]) as other:
        assert len(other) == len(gallery)
        assert other.model != gallery.model


@pytest.mark.parametrize('words, message', [
    (['postgresql://me:secret@127.0.0.1:1/x'], 'postgresql://127.0.0.1:1/x: '),
    (['http://me:secret@db/x'], 'a store is postgresql://')])
def test_wrong_stores_are_status_2(words, message, postgres, capsys):
    assert run('gallery.py', 'info', 'station', '--store', *words) == 2
    told = capsys.readouterr().err
    assert message in told and 'secret' not in told


def test_the_page_makes_no_gallery_in_a_server(postgres, checkpoint, toy):
    result = subprocess.run(
        [sys.executable, ROOT / 'tools/demo/app.py', 'none', '--store',
         postgres, '--model', checkpoint, '--images', toy],
        capture_output=True, text=True,
        env=dict(os.environ, PYTHONPATH=str(ROOT)))
    assert result.returncode == 2
    assert "holds no gallery 'none'" in result.stderr
