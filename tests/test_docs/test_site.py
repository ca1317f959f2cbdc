"""The pages build as a site, without a warning."""

import subprocess
import sys

import pytest

from tests.tiny import ROOT, environment

pytest.importorskip('sphinx')


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp('site')
    result = subprocess.run(
        [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q',
         ROOT / 'docs' / 'en', out],
        env=environment(), text=True, capture_output=True)
    assert result.returncode == 0, result.stderr
    return out


def test_every_page_is_in_the_contents(site):
    pages = [page.relative_to(ROOT / 'docs' / 'en').with_suffix('.html')
             for kind in ('*.md', 'notebooks/*.ipynb')
             for page in (ROOT / 'docs' / 'en').rglob(kind)]
    first = (site / 'README.html').read_text('utf-8')
    contents = first.partition('<div class="sidebar-tree">')[2].partition(
        '</aside>')[0]
    for page in pages:
        assert (site / page).is_file()
        if page.stem != 'README':
            assert f'href="{page.as_posix()}"' in contents, page


def test_the_reference_has_classes_options_and_sources(site):
    text = (site / 'api.html').read_text('utf-8')
    for name in ('mmreidmix.apis.ReIDInferencer', 'mmreidmix.apis.Gallery',
                 'mmreidmix.pseudo_labels.JaccardDBSCAN',
                 'mmreidmix.models.losses.DomainBalanceLoss',
                 'mmreidmix.engine.hooks.PseudoLabelHook'):
        assert f'id="{name}"' in text, name
    assert 'max_images' in text


def test_files_that_are_no_pages_are_named(site):
    text = (site / 'benchmark.html').read_text('utf-8')
    assert 'configs/mixture/README.md' in text
    assert 'href="../../configs' not in text
