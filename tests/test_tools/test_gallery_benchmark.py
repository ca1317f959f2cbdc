"""Tests of tools/benchmarks/gallery.py and gallery_stages.py."""

import json
import runpy

import numpy as np
import pytest
import torch

from mmreidmix.apis.gallery import search
from tests.tiny import ROOT

TOOL = ROOT / 'tools' / 'benchmarks' / 'gallery.py'


@pytest.fixture
def tool(monkeypatch):
    """Measures in this process: it takes seconds to start another one."""
    monkeypatch.syspath_prepend(str(TOOL.parent))  # as for a script
    monkeypatch.setattr(search, 'EXACT_LIMIT', 0)
    tool = runpy.run_path(str(TOOL))
    monkeypatch.setitem(
        tool['main'].__globals__, 'in_new_process',
        lambda function, *args: function(*args))
    for name in ('OMP', 'OPENBLAS', 'MKL', 'NUMEXPR'):  # restored afterwards
        monkeypatch.setenv(f'{name}_NUM_THREADS', '1')
    return tool


@pytest.mark.parametrize('kind', ['exact', 'ivf', 'hnsw'])
def test_report(tool, tmp_path, capsys, kind):
    file = tmp_path / 'new' / 'result.json'
    (tmp_path / 'galleries').mkdir()
    tool['main'](['--num', '300', '--dim', '8', '--index', kind,
                  '--queries', '9', '--threads', str(torch.get_num_threads()),
                  '--folder', str(tmp_path / 'galleries'), '--out',
                  str(file)])
    found = json.loads(file.read_text())['results']
    assert set(found['gallery']['seconds']) == {
        'add', 'build', 'open', 'queries'}
    # Of 300 images nearly all lists, and as much of the graph, are searched.
    assert found['gallery']['recall'] == 1
    assert found['gallery']['disk_mib'] > 300 * 8 * 4 / 2**20
    for part in found.values():
        times = part['query_ms']
        assert 0 < times['median'] <= times['p95']
    text = capsys.readouterr().out
    assert 'recall@10 of the gallery 1.0000' in text
    assert not list((tmp_path / 'galleries').iterdir())


def test_the_reference_is_a_sorted_list(tool):
    from common import gallery_stages as stages
    setting = stages.Setting(40, 8, 'exact', 3, torch.get_num_threads(), 0)
    bank, queries, _ = setting.embeddings()
    scores = queries @ bank.T / np.linalg.norm(bank, axis=1)
    assert (stages.measure_reference(setting)['positions'] ==
            np.argsort(-scores, 1)[:, :10]).all()


def test_recall_counts_what_is_missed(tool, tmp_path):
    from common import gallery_stages as stages
    setting = stages.Setting(40, 8, 'exact', 3, torch.get_num_threads(), 0)
    true = stages.measure_reference(setting)['positions']
    true[0] = -1
    found = stages.measure_gallery(setting, true, str(tmp_path))
    assert found['recall'] == pytest.approx(2 / 3)


@pytest.mark.parametrize('arguments, message', [
    (['--num', '0'], '--num must be at least 1, got 0'),
    (['--num', '1000000000'], 'GB are available'),
    (['--num', '9', '--index', 'tree'], 'invalid choice'),
])
def test_bad_arguments_are_named(tool, capsys, arguments, message):
    with pytest.raises(SystemExit):
        tool['parse_args'](arguments)
    assert message in capsys.readouterr().err
