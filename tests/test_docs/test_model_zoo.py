"""The model zoo: metafiles, the page made of them, and the benchmark."""

import re
import runpy

import pytest
import yaml
from mmengine.config import Config

from tests.tiny import ROOT

INDEX = yaml.safe_load((ROOT / 'model-index.yml').read_text('utf-8'))
FILES = INDEX['Import']
MODELS = [(file, model) for file in FILES for model in yaml.safe_load(
    (ROOT / file).read_text('utf-8'))['Models']]


def test_the_index_names_every_metafile():
    assert sorted(FILES) == sorted(
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob('configs/*/metafile.yml'))


@pytest.mark.parametrize('file', FILES)
def test_collections(file):
    content = yaml.safe_load((ROOT / file).read_text('utf-8'))
    collection, = content['Collections']
    assert (ROOT / collection['README']).is_file()
    for model in content['Models']:
        assert model['In Collection'] == collection['Name']


def test_starts_are_those_of_the_benchmark():
    script = runpy.run_path(str(ROOT / 'docs' / 'model_zoo.py'))
    benchmark = (ROOT / 'docs/en/benchmark.md').read_text('utf-8')
    for scores in script['STARTS'].values():
        assert f'untouched, 256 x 128 | {scores} |' in benchmark


def test_the_page_is_that_of_the_metafiles():
    script = runpy.run_path(str(ROOT / 'docs' / 'model_zoo.py'))
    assert script['PAGE'].read_text('utf-8') == script['page'](), (
        'run: python docs/model_zoo.py')


@pytest.mark.parametrize('file, model', MODELS,
                         ids=lambda value: value if isinstance(
                             value, str) else value['Name'])
def test_models(file, model):
    assert model['Config'] == f'{file.rpartition("/")[0]}/{model["Name"]}.py'
    Config.fromfile(ROOT / model['Config'])
    benchmark = (ROOT / 'docs/en/benchmark.md').read_text('utf-8')
    scores = [[str(row['Metrics'][name]) for name in ('mAP', 'rank-1')]
              for row in model['Results']]
    assert any(
        [re.findall(r'\d+\.\d', cell)[::2] if '±' in cell else
         re.findall(r'\d+\.\d', cell) for cell in cells] == scores
        for cells in (line.split(' | ')[1:] for line in benchmark.splitlines()
                      if line.startswith('| ')))
