import re
import runpy
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmreidmix.evaluation.functional.ranking import RankingResult
from mmreidmix.report import Options, WorkDir, render_page
from mmreidmix.report.sections import SECTIONS, pictures
from mmreidmix.results.result_file import write_queries, write_result

from .conftest import CONFIG, LOG, SCALARS

TOOL = Path(__file__).parents[2] / 'tools' / 'analysis_tools' / 'report.py'
VOID = {'meta', 'img', 'wbr', 'link', 'br'}


class Page(HTMLParser):
    """Text, tables and tags of a page; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.tables, self.text = [], [], [], ''
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == 'table':
            self.tables.append([])
        if tag == 'tr':
            self.tables[-1].append([])
        if tag in ('td', 'th'):
            self.tables[-1][-1].append('')

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if 'style' not in self.open:
            self.text += data
        if {'td', 'th'} & set(self.open):
            self.tables[-1][-1][-1] += data

    def table(self, *head):
        found, = [t for t in self.tables if t[0][:len(head)] == list(head)]
        return found[1:]


def show(folder, results=(), **options) -> Page:
    return Page(render_page(WorkDir(folder, results), Options(**options)))


def add_pictures(folder, names, size=(40, 30)):
    target = folder / '20250131_120000' / 'vis_data' / 'vis_image'
    target.mkdir()
    for name in names:
        Image.new('RGB', size, 'red').save(target / f'{name}.png')


def test_summary_results_and_data(make_work_dir):
    page = show(make_work_dir())
    for text in ('my_mix', 'DomainMix', '1 h 04 min', 'epoch_2.pth (rule: '
                 'last)', 'GPU 0,1: Some Card; 2 processes', '2 of 2 epochs',
                 'A single seed', 'No result file', 'no longer'):
        assert (text in page.text) == (text != 'no longer'), text
    assert page.table('tested domain', 'of') == [
        ['mall', 'last validation, epoch 2', '25.0', '62.5'],
        ['mall', 'best validation, epoch 1', '50.0', '75.0']]
    assert page.table('domain', 'used as') == [
        ['shop', 'training, labelled', '1,200', '40', '3', '-'],
        ['street', 'training, unlabelled', '900', '30 (hidden)', '9', '9'],
        ['mall', 'query', '20', '10', '2', '-'],
        ['mall', 'gallery', '60', '10', '2', '-']]
    assert page.table('domain', 'message') == [
        ['shop train', '7 junk images dropped'],
        ['street train', '9 videos of 5 to 200 images, median 90, 0 of one '
         'image'],
        ['mall', '3 of 60 gallery images are queries too']]
    assert 'academic use only' in page.table('domain', 'source and terms')[0][
        1]
    assert ['losses', 'loss', '2', '2', '2', '3'] in page.table('curve of')


def test_page_is_self_contained(make_work_dir):
    page = show(make_work_dir())
    names = {name for name, _ in page.tags}
    assert not names & {'script', 'link', 'iframe', 'object', 'base'}
    assert {'header', 'nav', 'main', 'section', 'h1', 'h2'} <= names
    ids = {attrs['id'] for _, attrs in page.tags if 'id' in attrs}
    assert ids >= {name for name, _, _ in SECTIONS}
    for tag, attrs in page.tags:
        if tag == 'img':
            assert attrs['src'].startswith('data:image/') and attrs['alt']
        if 'href' in attrs:
            assert attrs['href'][0] == '#' and attrs['href'][1:] in ids
        assert not any(key.startswith('on') for key in attrs)


def test_everything_is_escaped(make_work_dir):
    evil = '<script>alert(1)</script>'
    page = show(make_work_dir(
        log=LOG.replace('street', evil).replace('my_mix', evil),
        config=CONFIG.replace('street', evil).replace('DomainMix', '<b>"&')))
    assert evil in page.text and '<b>"&' in page.text
    assert page.text.count(evil) > 5
    assert 'script' not in {tag for tag, _ in page.tags}


@pytest.mark.parametrize('part, messages', [
    ('log', ['no log of a training', 'numbers of images are not known']),
    ('config', ['No config in the work dir', 'not known: no config']),
    ('scalars', ['No validation can be shown: no */vis_data/scalars.json',
                 'This part is missing: no */vis_data/scalars.json',
                 'No scores']),
])
def test_a_missing_part_is_named(make_work_dir, part, messages):
    page = show(make_work_dir(**{part: None}))
    for message in messages:
        assert message in page.text


def test_killed_at_once(make_work_dir):
    log = LOG.partition('2025/01/31 12:30:00')[0]
    page = show(make_work_dir(log=log, scalars=[]))
    assert 'stopped before its first checkpoint' in page.text
    assert 'no training iteration was logged' in page.text


def test_notes(make_work_dir, result, tmp_path):
    files = [tmp_path / 'a.json', tmp_path / 'b.json']
    write_result(files[0], result())
    write_result(files[1], result(
        training_seed=6, results={'mall/mAP': .5, 'mall/rank-1': .5}))
    for file in files:
        write_queries(file, {'mall': RankingResult(
            np.array([.2, .8]), np.array([.2, .8]), np.array([0, 3]))})
    page = show(make_work_dir(), files)
    assert 'put start.json into the work dir' in page.text
    assert 'A single seed' not in page.text
    assert 'Toy data' not in page.text
    row = page.table('tested domain', 'of')[0]
    assert row[:2] == ['mall', 'test of epoch_2.pth, rule last, 2 seeds']
    assert row[2] == '45.0 ± 7.1 [20.0,\u00a080.0]'

    write_result(files[1], result(
        checkpoint_rule='oracle', training_config_sha256='xy'))
    config = CONFIG.replace("data/mall', name='mall", "data/toy/a', name='a")
    text = show(make_work_dir('other', config=config), files).text
    assert "chosen by the rule 'oracle'" in text
    assert 'another config than it was trained' in text
    assert 'Toy data: a.' in text and 'A single seed' in text


def test_doing_nothing_comes_first(make_work_dir, result):
    folder = make_work_dir()
    start = dict(sha256='aa', weights='w/osnet.pth', input_size=[256, 128])
    write_result(folder / 'results.json', result(start=start))
    write_result(folder / 'start.json', result(
        start=start, results={'mall/mAP': .45, 'mall/rank-1': .5},
        checkpoint='none', checkpoint_rule='untrained', training_seed=None))
    page = show(folder)
    assert page.table('tested domain', 'of') == [
        ['mall', 'doing nothing: osnet.pth at 256x128', '45.0', '50.0'],
        ['mall', 'test of epoch_2.pth, rule last', '40.0 ↓', '50.0'],
        ['mall', 'last validation, epoch 2', '25.0 ↓', '62.5'],
        ['mall', 'best validation, epoch 1', '50.0', '75.0']]
    assert page.table('tested domain', 'mAP') == [
        ['mall', '45.0 → 40.0 ↓', '50.0 → 50.0']]
    assert page.table('tested domain', 'weights') == [
        ['mall', 'start', '45.0', '50.0'],
        ['mall', 'trained', '40.0 ↓', '50.0']]
    assert '↓ is below doing nothing' in page.text
    assert 'The row of doing nothing' not in page.text
    assert 'untrained' not in page.text


def test_from_start_to_end_by_validations(make_work_dir, result):
    """A domain that was not tested has its last validation."""
    folder = make_work_dir()
    start = dict(sha256='aa', weights='w/osnet.pth', input_size=[256, 128])
    write_result(folder / 'start.json', result(
        start=start, results={'mall/mAP': .125, 'mall/rank-1': .65},
        checkpoint='none', checkpoint_rule='untrained', training_seed=None))
    assert show(folder).table('tested domain', 'mAP') == [
        ['mall', '12.5 → 25.0', '65.0 → 62.5 ↓']]
    (folder / 'start.json').unlink()
    assert not [t for t in show(folder).tables
                if t[0][:2] == ['tested domain', 'mAP']]


def test_epoch_0_is_the_start(make_work_dir):
    row = {'mall/mAP': .9, 'mall/rank-1': .9, 'step': 0}
    page = show(make_work_dir(scalars=[row, *SCALARS]))
    assert page.table('epoch', 'tested domain')[0] == [
        '0: the start', 'mall', '90.0', '90.0']
    assert [line[1] for line in page.table('tested domain', 'of')] == [
        'last validation, epoch 2', 'best validation, epoch 1']


def test_pictures(make_work_dir):
    folder = make_work_dir()
    names = ['embedding_map_1', 'embedding_map_2', 'camera_confusion_mall_2',
             'rank_lists_mall_2', 'strange_2', 'curves_2']
    add_pictures(folder, names)

    def captions(page):
        return [attrs['alt'].partition(':')[0] for tag, attrs in page.tags
                if tag == 'img' and 'epoch 2' in attrs['alt']]

    page = show(folder)
    assert captions(page) == ['Embedding map', 'Camera confusion']
    assert '2 pictures that show people are left out: rank_lists_mall, ' \
        'strange' in page.text
    page = show(folder, with_images=True)
    assert captions(page)[:3] == ['Embedding map', 'Camera confusion',
                                  'Rank lists']
    assert 'are left out' not in page.text.partition('Pictures')[2]


def test_bad_and_too_many_pictures(make_work_dir, monkeypatch):
    folder = make_work_dir()
    add_pictures(folder, ['embedding_map_1', 'camera_confusion_x_1'])
    module = __import__(pictures.__module__, fromlist=['LIMIT'])
    monkeypatch.setattr(module, 'LIMIT', 200)
    assert '1 pictures are left out' in show(folder).text
    file, = folder.glob('*/vis_data/vis_image/embedding*')
    file.write_bytes(b'no image')
    assert re.search(r'This part is missing: .*embedding_map_1.png can not',
                     show(folder).text)


def test_large_pictures_become_smaller(make_work_dir):
    import base64
    import io
    folder = make_work_dir()
    add_pictures(folder, ['embedding_map_1'], (3000, 300))
    uri, = [attrs['src'] for tag, attrs in show(folder).tags
            if tag == 'img' and 'image/png' in attrs['src']]
    data = base64.b64decode(uri.partition(',')[2])
    assert Image.open(io.BytesIO(data)).size == (1400, 140)


def test_own_config_file(make_work_dir, tmp_path):
    folder = make_work_dir()
    assert '--config' in show(folder).text
    (tmp_path / 'base.py').write_text(
        CONFIG.replace('max_classes=90', 'max_classes=80'))
    (tmp_path / 'mine.py').write_text(
        "_base_ = 'base.py'\nmodel = dict(id_head=dict(max_classes=90))\n")
    page = show(folder, config=str(tmp_path / 'mine.py'))
    assert page.table('key') == [
        ['model.id_head.max_classes', '80', '90', 'config file']]


def test_tool(make_work_dir, tmp_path, capsys):
    main = runpy.run_path(str(TOOL))['main']
    folder = make_work_dir()
    main([str(folder)])
    assert 'report.html' in capsys.readouterr().out
    first = (folder / 'report.html').read_bytes()
    main([str(folder), '--out', str(tmp_path / 'new' / 'page.html')])
    assert (tmp_path / 'new' / 'page.html').read_bytes() == first
    with pytest.raises((OSError, ValueError), match='no folder'):
        main([str(tmp_path / 'gone')])


def test_secrets_and_names_of_users_are_not_shown(
        make_work_dir, tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path / 'alice'))
    base = tmp_path / 'base.py'
    base.write_text('vis_backends = []\n')
    mine = tmp_path / 'mine.py'
    mine.write_text("_base_ = './base.py'\n")
    config = CONFIG + (
        "my_password = 'x7x7'\nlab = 'y8y8'\nvis_backends = [dict("
        "type='WandbVisBackend', init_kwargs=dict(api_key='z9z9'))]\n"
        f"load_from = '{tmp_path}/alice/w.pth'\n")
    text = show(make_work_dir(config=config), config=str(mine)).text
    for secret in ('x7x7', 'y8y8', 'z9z9', f'{tmp_path}/alice'):
        assert secret not in text, secret
    assert "'api_key': '(hidden)'" in text and '~/w.pth' in text
    assert 'Not shown, as nothing reads them: my_password, lab.' in text
