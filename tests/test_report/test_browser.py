"""The page of a real, tiny training in a real browser."""

import json
import shutil

import pytest

from mmreidmix.report import Options, write_report
from tests.tiny import BASE, tiny_config, train

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
DRIVER = shutil.which('chromedriver')


@pytest.fixture(scope='module')
def work_dir(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp('training')
    config = tiny_config(toy, custom_hooks=[dict(
        type='PicturesHook', interval=2,
        pictures=dict(rank_lists=dict(num=2), camera_confusion=dict()))])
    config.dump(folder / BASE.name)
    train(folder / BASE.name, folder / 'work')
    return folder / 'work'


@pytest.fixture(scope='module')
def page(work_dir):
    return write_report(work_dir, work_dir / 'page.html',
                        options=Options(with_images=True))


@pytest.fixture(scope='module')
def browser():
    webdriver = pytest.importorskip(
        'selenium.webdriver', reason='selenium is not installed')
    if not CHROMIUM or not DRIVER:
        pytest.skip('chromium and chromedriver are not installed')
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ('headless', 'no-sandbox', 'disable-gpu', 'disable-quic',
                 'no-first-run', 'disable-background-networking',
                 'disable-component-update', 'disable-sync'):
        options.add_argument(f'--{flag}')
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def test_scores_are_those_of_the_last_validation(work_dir, page):
    file, = work_dir.glob('*/vis_data/scalars.json')
    row = json.loads(file.read_text().splitlines()[-1])
    text = page.read_text(encoding='utf-8')
    assert f'>{100 * row["toy-unseen/mAP"]:.1f}' in text
    assert 'From start to end' in text
    # what the training started from was tested
    assert 'doing nothing: random weights at 64x32' in text
    assert '0: the start' in text
    # nothing but the result file, which only a test would write
    assert text.count('Not there:') == text.count('No result file') == 1
    assert 'Toy data: toy-synthetic, toy-real_a, toy-unseen' in text
    for alt in ('Sheet of 12 of 72 images', 'Rank lists', 'Camera confusion'):
        assert f'alt="{alt}' in text


@pytest.mark.parametrize('width', [390, 768, 1280, 1600])
def test_page_fits(browser, page, width):
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', dict(
        width=width, height=800, deviceScaleFactor=1, mobile=width < 600))
    browser.get(page.as_uri())
    scroll, inner = browser.execute_script(
        'return [document.documentElement.scrollWidth, innerWidth]')
    assert scroll <= inner == width
    # no block is cut off but those that scroll
    assert browser.execute_script(
        'return [...document.querySelectorAll("p, dl, h1, h2, h3, figure, '
        'img, nav")].filter(e => e.getBoundingClientRect().right > innerWidth'
        ').length') == 0
    assert browser.execute_script(
        'return document.images.length > 4 && [...document.images].every('
        'image => image.complete && image.naturalWidth > 0)')
    # nor does a table on a phone: rank-1 is in view
    hidden = browser.execute_script(
        'return [...document.querySelectorAll("td")].filter('
        'e => e.getBoundingClientRect().right > innerWidth).length')
    assert hidden == 0 or width > 600
    assert browser.get_log('browser') == []


def test_dark_mode(browser, page):
    colours = []
    for scheme in ('light', 'dark'):
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia', dict(
            features=[dict(name='prefers-color-scheme', value=scheme)]))
        browser.get(page.as_uri())
        colours.append(browser.execute_script(
            'const style = getComputedStyle(document.body);'
            'return [style.backgroundColor, style.color]'))
    assert colours[0] == ['rgb(255, 255, 255)', 'rgb(28, 33, 38)']
    assert colours[1] == ['rgb(20, 24, 28)', 'rgb(228, 232, 236)']
