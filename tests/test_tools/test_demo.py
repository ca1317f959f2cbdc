"""Tests of the search page in a browser."""

import asyncio
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from types import SimpleNamespace

import pytest
from PIL import Image

with suppress(ImportError):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

from mmreidmix.apis import Gallery
from mmreidmix.apis.app import gallery_filling
from mmreidmix.apis.app.search_page import Query, SearchResult
from mmreidmix.apis.comparison import Threshold
from mmreidmix.apis.gallery import Match
from tests.browser import browser_paths, open_browser, resize
from tests.tiny import ROOT, free_port

APP = ROOT / 'tools' / 'demo' / 'app.py'
# starting and answering take a second or two on a machine that is not busy
PATIENCE = 600


def start(log, *arguments):
    """Run the app; its output goes to a file."""
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1',
                       PYTHONWARNINGS='ignore', TMPDIR=str(log.parent))
    with open(log, 'w') as stream:
        return subprocess.Popen(
            [sys.executable, APP, *map(str, arguments)], env=environment,
            stdout=stream, stderr=subprocess.STDOUT)


@pytest.fixture(scope='module')
def page(checkpoint, pictures, tmp_path_factory):
    """Address, root of the pictures and gallery of a page that runs."""
    pytest.importorskip('gradio', reason='gradio is not installed')
    folder = tmp_path_factory.mktemp('page')
    root = folder / 'root'
    root.mkdir()
    for path in pictures:
        shutil.copy(path, root)
    (root / '0099_c1s1_000000_00.jpg').write_bytes(b'')
    port = free_port()
    process = start(folder / 'log', folder / 'gallery', '--model', checkpoint,
                    '--images', root, '--port', port, '--names', 'market1501',
                    '--device', 'cpu')
    url = f'http://127.0.0.1:{port}'
    try:
        _wait_for(url, process, folder / 'log')
        yield url, root, folder
    finally:
        process.terminate()
        process.wait(60)
    assert not list(folder.glob('mmreidmix-*')), 'uploads are left'


def _wait_for(url, process, log):
    for _ in range(PATIENCE):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=5)
            return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(1)
    raise AssertionError(log.read_text())


def status(url, data=None, **headers):
    """HTTP status and text of a request."""
    request = urllib.request.Request(
        url, data, {'content-type': 'application/json', **headers})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_missing_gallery_was_made(page):
    _, root, folder = page
    text = (folder / 'log').read_text()
    assert f'of {len(list(root.iterdir()))} pictures below {root}' in text
    assert '1 damaged images are left out' in text
    assert 'WARNING' not in text
    assert (folder / 'gallery' / 'gallery.log').is_file()


def test_no_file_is_served(page):
    url, root, folder = page
    picture = next(iter(sorted(root.iterdir())))
    paths = [picture, '/etc/passwd', folder / 'gallery' / 'gallery.log',
             APP, f'{root}/../gallery/gallery.log', 'tools/demo/app.py']
    for path in paths:
        for route in ('/gradio_api/file=', '/file='):
            code, text = status(f'{url}{route}{path}')
            assert code in (403, 404), (path, code, text[:200])


def test_only_uploads_are_read(page):
    url, root, _ = page
    config = json.loads(status(f'{url}/config')[1])
    assert json.loads(status(f'{url}/gradio_api/info')[1]) == dict(
        named_endpoints={}, unnamed_endpoints={})
    upload = next(i for i, own in enumerate(config['dependencies'])
                  if own['inputs'] and ['upload'] in [
                      t[1:] for t in own['targets']])
    file = dict(path=str(sorted(root.iterdir())[1]), url=None, size=None,
                orig_name='a.jpg', mime_type=None, is_stream=False,
                meta=dict(_type='gradio.FileData'))
    options = [-1, [], False, 'Normal', 5, '', '', '', False, False]
    body = dict(data=[file, *options, None, 1], fn_index=upload,
                session_hash='abc', event_data=None)
    code, text = status(f'{url}/gradio_api/queue/join',
                        json.dumps(body).encode())
    if code == 200:
        _, text = status(f'{url}/gradio_api/queue/data?session_hash=abc')
        assert '"success":false' in text.replace(' ', ''), text[:2000]
    assert '#1' not in text


def test_what_the_page_says():
    """Counts, the line where it belongs, and no tags of others."""
    words = runpy.run_path(str(APP.with_name('words.py')))
    line = Threshold(.5, .01, .4, .6, '<b>shop', True)
    answer = SearchResult([0] * 20, [], line, 57, 1000, 0, '')
    query = Query(None, None, Match(1, '<i>a.jpg', 1., 3, None, None))
    text = words['head'](query, answer)
    assert '<b>&lt;i&gt;a.jpg</b> (camera 3) in 1,000 pictures' in text
    assert '20 of 57 above the line are shown' in text
    text = words['cut'](answer, False)
    assert 'class="none"' in text and '37 more pictures above' in text
    assert '1 in 100' in text and 'about 10 are others' in text
    assert '&lt;b&gt;shop.' in text and 'Below' not in text

    whole = answer._replace(above=[0] * 5, below=[0] * 14, reached=5)
    assert '5 above the line</b>, all are shown' in words['head'](
        query, whole)
    text = words['cut'](whole, True)
    assert 'class="none"' not in text and 'Below: less likely' in text
    assert 'After a second look' in text and 'probably' not in text
    none = whole._replace(above=[], reached=0)
    assert 'None is above the line' in words['head'](query, none)
    assert 'Above' not in words['cut'](none, False)
    most = answer._replace(reached=1000)
    assert '20 of at least 1,000 above' in words['head'](query, most)

    bare = none._replace(threshold=None, missing=2)
    assert 'The 14 most alike are shown. 2 pictures can not' in (
        words['head'](query, bare))
    assert 'calibrate.py CONFIG MODEL --fmr 1e-3' in words['cut'](bare, False)
    assert 'No picture passes' in words['head'](
        Query(None, None, None), none._replace(below=[]))
    assert words['refusal']('<b>\x1b') == (
        '<p class="refused" role="alert">&lt;b&gt;\\x1b</p>')


def test_links_are_not_fetched(monkeypatch):
    monkeypatch.syspath_prepend(APP.parent)
    gr = pytest.importorskip('gradio', reason='gradio is not installed')
    build = runpy.run_path(str(APP.with_name('page.py')))['build']
    blocks = build(SimpleNamespace(
        gallery=[], camids=[], levels=[], times=None, track=None))
    picture, = (own for own in blocks.blocks.values()
                if getattr(own, 'elem_id', None) == 'picture')
    with pytest.raises(gr.Error, match='Only uploaded pictures'):
        asyncio.run(picture.async_move_resource_to_block_cache(
            'HTTPS://example.org/a.jpg'))


def test_the_last_search_wins(monkeypatch):
    """Though an earlier one arrives after it."""
    monkeypatch.syspath_prepend(APP.parent)
    gr = pytest.importorskip('gradio', reason='gradio is not installed')
    latest = runpy.run_path(str(APP.with_name('page.py')))['latest']
    search = latest(lambda *options: (sum(options), 'found'), 2)
    assert search(1, 2, 0, 1) == (3, 'found', 1)
    assert search(1, 2, 1, 1) == (3, 'found', 1)
    assert search(5, 2, 1, 3) == (7, 'found', 3)
    skipped = search(1, 2, 3, 2)
    assert skipped == [gr.skip()] * 3
    assert latest(lambda *_: ['cleared'], 1)(3, 4) == ('cleared', 4)


def test_too_large_an_upload_is_refused_by_the_server(page):
    boundary = 'x' * 20
    head = (f'--{boundary}\r\nContent-Disposition: form-data; name="files"; '
            'filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n').encode()
    body = head + bytes(11_000_000) + f'\r\n--{boundary}--\r\n'.encode()
    code, text = status(f'{page[0]}/gradio_api/upload', body, **{
        'content-type': f'multipart/form-data; boundary={boundary}'})
    assert code == 413 and 'size' in text


def test_other_names_of_this_computer_are_not_answered(page):
    url, *_ = page
    port = url.rsplit(':', 1)[1]
    for host in ('localhost', '127.0.0.1', '[::1]'):
        assert status(url, host=f'{host}:{port}')[0] == 200, host
    for host in ('evil.example', 'localhost.evil.example', '10.0.0.1'):
        code, text = status(url, host=f'{host}:{port}')
        assert (code, text) == (400, 'Invalid host header'), host


def test_uploads_are_bounded_in_sum(page):
    url, _, folder = page
    kept, = folder.glob('mmreidmix-*')
    full = kept / 'full'
    with open(full, 'wb') as file:
        file.truncate(200 * 2**20)
    try:
        code, text = status(f'{url}/gradio_api/upload', b'x' * 100)
        assert code == 507 and 'try again' in text
    finally:
        full.unlink()
    code, _ = status(f'{url}/gradio_api/upload', b'x' * 11 * 2**20)
    assert code == 413
    # Without a length it could be any.
    request = urllib.request.Request(
        f'{url}/gradio_api/upload', iter([b'x']), method='POST')
    with pytest.raises(urllib.error.HTTPError, match='411'):
        urllib.request.urlopen(request, timeout=60)


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    browser_paths()
    with open_browser(tmp_path_factory.mktemp('profile')) as opened:
        yield opened


class Visitor:
    """Someone who uses the page."""

    def __init__(self, browser, url):
        self.browser = browser
        browser.get(url)
        self.wait(lambda: self.all('#picture input[type=file]'))

    def all(self, css):
        return self.browser.find_elements('css selector', css)

    def texts(self, css):
        """All at once: the page may change between two questions."""
        return self.browser.execute_script(
            'return [...document.querySelectorAll(arguments[0])]'
            '.map(element => element.innerText)', css)

    def wait(self, condition):
        return WebDriverWait(self.browser, PATIENCE).until(
            lambda _: condition())

    def upload(self, path):
        self.all('#picture input[type=file]')[0].send_keys(str(path))

    def captions(self):
        return self.texts('.caption-label')

    def summary(self):
        return ' '.join(self.texts('#summary'))

    def refusal(self):
        """What is told of a refused upload, and stays in view."""
        return self.wait(lambda: ' '.join(
            self.texts('#refused, .refused')).strip())

    def type(self, name, text):
        """Type into a field and press Enter."""
        field = self.all(f'#{name} input, #{name} textarea')[0]
        field.send_keys(Keys.CONTROL, 'a')
        field.send_keys(text, Keys.ENTER)


def test_upload_look_and_search_on(page, browser, tmp_path):
    url, root, _ = page
    visitor = Visitor(browser, url)
    name = sorted(path.name for path in root.iterdir())[2]
    visitor.upload(root / name)
    visitor.wait(lambda: len(visitor.captions()) == 12)
    captions = visitor.captions()
    assert captions[0].startswith('#1 · score 1.000\ncamera ')
    assert captions[0].endswith(name)
    assert [int(re.match(r'#(\d+)', text)[1]) for text in captions] == list(
        range(1, 13))
    line, = visitor.texts('#line')
    assert 'at a score of 0.50: 1 in 100 pictures of other people' in line
    assert 'of the 12 searched about 0 are others' in line
    scores = [float(text.split('\n')[0].split()[-1]) for text in captions]
    above = len(visitor.all('#above .caption-label'))
    assert above == sum(score >= .5 for score in scores)
    assert ('Below: less likely' in line) == (above < 12)
    assert f'{above} above the line, all are shown' in visitor.summary()
    browser.save_screenshot(str(tmp_path / 'desktop.png'))

    for _ in range(2):  # the same place again, where another match is then
        chosen = visitor.captions()[1].split('\n')[-1]
        visitor.all('.thumbnail-item')[1].click()
        visitor.wait(lambda own=chosen: own in visitor.summary())
        visitor.wait(lambda: len(visitor.captions()) == 11)
        assert chosen not in ' '.join(visitor.captions())

    visitor.all('#cameras input')[0].click()
    visitor.wait(lambda: all(
        'camera 1' in text for text in visitor.captions()))


def test_the_keyboard_is_enough(page, browser):
    visitor = Visitor(browser, page[0])
    visitor.all('#example')[0].send_keys(Keys.ENTER)
    visitor.wait(lambda: len(visitor.captions()) == 11)
    line, = visitor.texts('#line')
    assert not any(own.is_displayed() for own in visitor.all('#example'))

    visitor.type('topk', '1')
    visitor.wait(lambda: len(visitor.captions()) == 1)
    assert re.search(r'1 of \d+ above the line are shown', visitor.summary())
    assert 'more pictures above it are not shown' in visitor.texts('#line')[0]
    for number in ('500', ''):
        visitor.type('topk', number or Keys.DELETE)
        visitor.wait(lambda: 'number of pictures from 1 to 100' in (
            visitor.summary()))
        assert len(visitor.captions()) == 1
    visitor.type('topk', '50')
    visitor.wait(lambda: len(visitor.captions()) == 11)
    assert visitor.texts('#line') == [line]

    strict, normal = visitor.all('#level input')
    assert normal.is_selected()
    strict.send_keys(Keys.SPACE)
    visitor.wait(lambda: '1 in 1,000' in visitor.texts('#line')[0])
    assert 'too few people to rely on' in visitor.texts('#line')[0]
    visitor.all('.thumbnail-item')[0].send_keys(Keys.ENTER)
    visitor.wait(lambda: 'in 12 pictures' in visitor.summary())

    visitor.all('#others input')[0].send_keys(Keys.SPACE)
    visitor.wait(lambda: len(visitor.captions()) < 11)
    assert len({text.split('\n')[1] for text in visitor.captions()}) == 1


def test_what_a_visitor_downloads(page, browser):
    visitor = Visitor(browser, page[0])
    visitor.all('#example')[0].click()
    visitor.wait(lambda: len(visitor.captions()) == 11)
    files = list(page[2].glob('mmreidmix-*/**/matches.csv'))
    table = max(files, key=lambda file: file.stat().st_mtime).read_text()
    assert len(table.splitlines()) == 12
    assert 'Download' in ' '.join(visitor.texts('#download'))


def test_a_phone_shows_results_below_the_picture(page, browser, tmp_path):
    resize(browser, (390, 844))
    try:
        visitor = Visitor(browser, page[0])
        assert 'Privacy' in visitor.summary()
        visitor.upload(sorted(page[1].iterdir())[2])
        visitor.wait(lambda: len(visitor.captions()) == 12)
        browser.save_screenshot(str(tmp_path / 'phone.png'))
        tops = browser.execute_script(
            'return ["#picture", ".thumbnail-item", "#options"].map(css => '
            'document.querySelector(css).getBoundingClientRect().top)')
        assert tops == sorted(tops) and tops[1] < 600
        width = browser.execute_script(
            'return document.documentElement.scrollWidth')
        assert width <= 390
    finally:
        resize(browser, (1280, 1000))


def test_nothing_is_fetched_from_elsewhere(page, browser):
    Visitor(browser, page[0])
    messages = [json.loads(entry['message'])['message']
                for entry in browser.get_log('performance')]
    asked = {message['params']['request']['url'] for message in messages
             if message['method'] == 'Network.requestWillBeSent'}
    own = (page[0], 'data:', 'blob:', 'chrome')
    assert any(address.startswith(page[0]) for address in asked)
    assert [address for address in asked if not address.startswith(own)] == []


def test_bad_uploads_are_told(page, browser, tmp_path):
    url, root, folder = page
    before = (folder / 'log').read_text()
    (tmp_path / 'broken.jpg').write_bytes(b'no picture')
    cut = sorted(root.iterdir())[1].read_bytes()[:-60]
    (tmp_path / 'cut.jpg').write_bytes(cut)
    (tmp_path / 'large.jpg').write_bytes(bytes(11_000_000))
    Image.new('1', (9000, 9000)).save(tmp_path / 'bomb.png')
    for name, message in (('broken.jpg', 'not an image that can be read'),
                          ('cut.jpg', 'cut short'),
                          ('bomb.png', '9000 x 9000 pixels'),
                          ('large.jpg', 'maximum allowed size')):
        visitor = Visitor(browser, url)
        visitor.upload(tmp_path / name)
        assert message in visitor.refusal()
        assert visitor.captions() == []
        time.sleep(11 if name == 'large.jpg' else 0)  # the toast has gone
        assert message in visitor.refusal()
    visitor.upload(sorted(root.iterdir())[1])  # it goes on after all that
    visitor.wait(visitor.captions)
    assert not visitor.texts('.refused') + visitor.texts(
        '#refused:not(:empty)')
    assert (folder / 'log').read_text() == before


def test_an_interrupted_start_leaves_no_part_of_a_gallery(
        checkpoint, pictures, tmp_path, monkeypatch):
    app = runpy.run_path(str(APP))
    whole = gallery_filling.extract_to_gallery
    args = app['parse_args']([
        str(tmp_path / 'gallery'), '--model', str(checkpoint), '--images',
        str(pictures[0].parent), '--device', 'cpu'])

    def interrupted(inferencer, root, names, folder, reader, size, report):
        def stop(done, total):
            raise KeyboardInterrupt
        whole(inferencer, root, names, folder, reader, 5, stop)

    with monkeypatch.context() as patch:
        patch.setattr(gallery_filling, 'extract_to_gallery', interrupted)
        with pytest.raises(KeyboardInterrupt):
            app['open_page'](args)
    assert not (tmp_path / 'gallery').exists()
    page = app['open_page'](args)
    assert len(page.gallery) == len(list(pictures[0].parent.glob('*.jpg')))
    assert [path.name for path in tmp_path.iterdir()] == ['gallery']


def test_bad_input_is_told_before_the_page_opens(checkpoint, pictures,
                                                 tmp_path, capsys):
    main = runpy.run_path(str(APP))['main']
    Gallery.create(tmp_path / 'empty', 128).close()
    shutil.copytree(tmp_path / 'empty', tmp_path / 'damaged')
    (tmp_path / 'damaged' / 'gallery.log').write_bytes(b'x' * 100)
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'note.txt').touch()
    for gallery, root, message in (
            ('full', pictures[0].parent, 'holds no gallery, but other files'),
            ('empty', pictures[0].parent, 'is empty'),
            ('damaged', pictures[0].parent, 'is damaged at byte 0'),
            ('new', tmp_path / 'none', 'no image or folder')):
        assert main([str(tmp_path / gallery), '--model', str(checkpoint),
                     '--images', str(root), '--device', 'cpu']) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / 'new').exists()
