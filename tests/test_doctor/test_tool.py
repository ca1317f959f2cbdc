"""tools/analysis_tools/data_doctor.py: exit status, text, JSON, page."""

import json
import re
import runpy
from html import unescape

import pytest

from mmreidmix.doctor import KINDS, LEVELS
from tests.tiny import ROOT, tiny_config

from .damage import DAMAGES


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(
        str(ROOT / 'tools' / 'analysis_tools' / 'data_doctor.py'))


def target(toy_domain):
    """Write the table; what the command line takes."""
    return toy_domain.domain()['data_root']


def test_a_clean_domain(tool, toy_domain, capsys):
    assert tool['main']([target(toy_domain)]) == 0
    assert 'Doctor: nothing found in 192 images' in capsys.readouterr().out


def test_a_config(tool, toy, tmp_path, capsys):
    """What a config trains on and tests on, with changes."""
    file = tmp_path / 'config.py'
    tiny_config(toy).dump(file)
    assert tool['main']([str(file), '--fast']) == 0
    capsys.readouterr()
    folder = toy / 'unseen'
    assert tool['main']([
        str(file), '--fast', '--cfg-options',
        f'train_dataloader.dataset.domains.1.data_root={folder}',
        'train_dataloader.dataset.domains.1.subset=all']) == 1
    assert '[train_images_in_test]' in capsys.readouterr().out


def test_text_json_and_page(tool, toy_domain, tmp_path, capsys):
    """Names of files can steer neither the terminal nor the page."""
    bad = toy_domain.add(toy_domain.of('train')[0])
    name = '<script>alert(1)<b>\x1b[2J.jpg'
    (toy_domain.root / name).write_text('no image')
    bad['path'] = name
    copy = DAMAGES['copy'](toy_domain)
    page, data = tmp_path / 'new' / 'page.html', tmp_path / 'found.json'
    assert tool['main'](
        [target(toy_domain), '--out', str(page), str(data)]) == 1
    text = capsys.readouterr().out
    assert '\x1b' not in text and r'<script>alert(1)<b>\x1b[2J.jpg' in text
    assert f'{copy.path} = ' in text
    assert '1 error, 1 warning in 194 images' in text

    found = json.loads(data.read_text())
    assert [(f['name'], f['level'], f['count'], f['total'])
            for f in found['findings']] == [
        ('unreadable_images', 'error', 1, 146),
        ('exact_duplicates', 'warning', 1, 194)]
    for finding in found['findings']:
        assert finding['advice'] == KINDS[finding['name']].advice
    assert len(found['findings'][1]['examples'][0]['images']) == 2
    assert [part['images'] for part in found['parts']] == [146, 12, 36]

    html = page.read_text(encoding='utf-8')
    assert '<script' not in html and '&lt;script&gt;' in html
    assert html.count('<img src="data:image/jpeg;base64,') == 3
    assert not re.search(r'(?:src|href)="(?!data:|#)', html)
    shown = unescape(html)
    for finding in found['findings']:
        assert finding['title'] in shown and finding['advice'] in shown


@pytest.mark.parametrize('arguments, message', [
    (['a.py', 'b.py'], 'one config, or domains'),
    (['Market1501:data', '--cfg-options', 'a=1'], 'for a config'),
    (['Market1501:data', '--out', 'a.txt'], 'must end in .html or .json'),
    (['{folder}'], 'no folder that import_domain.py has written'),
    (['Market1501'], 'not TYPE:PATH')])
def test_wrong_arguments(tool, tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        tool['main']([word.format(folder=tmp_path) for word in arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_describes_itself(tool, tmp_path):
    (tmp_path / 'domain.json').touch()
    assert tool['parse_target'](str(tmp_path)) == dict(
        type='Domain', data_root=str(tmp_path))


def test_data_that_is_not_there(tool, tmp_path):
    with pytest.raises(FileNotFoundError, match='not found'):
        tool['main']([f'Market1501:{tmp_path}/no'])
    with pytest.raises(ValueError, match='no data set type'):
        tool['main']([f'Market1500:{tmp_path}'])
    with pytest.raises(ValueError, match="'name'"):
        tool['main']([f'VideoTree:{tmp_path}'])


def test_the_guide_has_all_findings():
    guide = ROOT / 'docs' / 'en' / 'user_guides' / 'data_doctor.md'
    rows = re.findall(r'^\| `(\w+)` \| (\w+)', guide.read_text(), re.M)
    assert sorted(name for name, _ in rows) == sorted(KINDS)
    assert {level for _, level in rows} == set(LEVELS)
