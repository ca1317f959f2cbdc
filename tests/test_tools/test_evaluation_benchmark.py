"""Tests of tools/benchmarks/evaluation.py and evaluation_stages.py."""

import json
import runpy

import numpy as np
import pytest
import torch

from tests.tiny import ROOT

TOOL = ROOT / 'tools' / 'benchmarks' / 'evaluation.py'


@pytest.fixture
def tool(monkeypatch):
    """Measures in this process: it takes seconds to start another one."""
    monkeypatch.syspath_prepend(str(TOOL.parent))  # as for a script
    tool = runpy.run_path(str(TOOL))
    monkeypatch.setitem(
        tool['measure'].__globals__, 'in_new_process',
        lambda function, *args: function(*args))
    for name in ('OMP', 'OPENBLAS', 'MKL', 'NUMEXPR'):  # restored afterwards
        monkeypatch.setenv(f'{name}_NUM_THREADS', '1')
    return tool


@pytest.mark.parametrize('options', [[], ['--k1-intra', '5']])
def test_report(tool, tmp_path, capsys, options):
    file = tmp_path / 'new' / 'result.json'
    tool['main'](['--queries', '40', '--gallery', '400', '--dim', '16',
                  '--rerank', '--compare', 'sort', 'dense', '--threads',
                  str(torch.get_num_threads()), '--out', str(file),
                  *options])
    report = json.loads(file.read_text())
    found = report['results']
    assert set(found) == {'rank', 'sort', 'rerank', 'dense'}
    assert set(found['rank']['seconds']) == {
        'products', 'tiled products', 'counting', 'rank'}
    assert found['dense']['largest_difference'] < 1e-5
    assert found['dense']['differing'] == 0
    assert found['dense']['mAP'] == pytest.approx(
        found['rerank']['mAP'], abs=1e-3)
    assert found['rank']['summary']['queries'] == 40
    text = capsys.readouterr().out
    assert 'times the products alone' in text
    assert 'times as fast as sorting; first matches equal' in text
    assert 'both from features to final distances' in text


def test_a_wrong_result_is_noticed(tool):
    from common import evaluation_stages as stages
    setting = stages.Setting(20, 200, 8, torch.get_num_threads(), 0)
    found = stages.measure_rank(setting)
    stages.measure_sort(setting, found['ap'], found['first'])
    with pytest.raises(AssertionError, match='other first matches'):
        stages.measure_sort(setting, found['ap'], found['first'] + 1)
    wrong = np.where(np.isnan(found['ap']), np.nan, found['ap'] + 1e-3)
    with pytest.raises(AssertionError):
        stages.measure_sort(setting, wrong, found['first'])


def test_other_distances_are_noticed(tool, monkeypatch):
    from common import evaluation_stages as stages
    setting = stages.Setting(20, 200, 8, torch.get_num_threads(), 0)
    found = stages.measure_rerank(setting)
    blocks = stages.reranked_blocks
    monkeypatch.setattr(
        stages, 'reranked_blocks',
        lambda images, **options: blocks(images, k1=19))
    with pytest.raises(AssertionError, match='of 4000 distances differ'):
        stages.measure_dense(setting, found['ap'], found['first'])


def test_planted_features_use_as_many_dimensions_as_asked(tool):
    from common.evaluation_stages import Setting
    ranks = [
        torch.linalg.svdvals(
            Setting(20, 200, 24, torch.get_num_threads(), 0,
                    latent=latent).columns()[1])
        for latent in (4, 24)]
    assert [int((each > each[0] / 8).sum()) for each in ranks] == [4, 24]


@pytest.mark.parametrize('arguments, message', [
    (['--gallery', '0'], '--gallery must be at least 1, got 0'),
    (['--latent', '0'], '--latent must be at least 1, got 0'),
    (['--compare', 'dense'], 'add --rerank'),
    (['--k1-intra', '5'], 'an option of re-ranking: add --rerank'),
    (['--gallery', '10000000', '--compare', 'sort'], 'GB are available'),
    (['--gallery', '10000000', '--compare', 'dense', '--rerank'],
     '--compare dense needs'),
])
def test_bad_arguments_are_named(tool, capsys, arguments, message):
    with pytest.raises(SystemExit):
        tool['parse_args'](['--queries', '9000', '--gallery', '5',
                            *arguments])
    assert message in capsys.readouterr().err
