"""The notebooks run from the first to the last cell, on toy data."""

import json
import os
import re

import pytest

from tests.tiny import ROOT, environment

nbformat = pytest.importorskip('nbformat')
nbclient = pytest.importorskip('nbclient')
pytest.importorskip('ipykernel')

FOLDER = ROOT / 'docs' / 'en' / 'notebooks'
#: In this order the second finds the model of the first.
NAMES = ('adapt_and_look.ipynb', 'evaluate_and_compare.ipynb')


def read(name):
    return nbformat.read(FOLDER / name, as_version=4)


def scores(file):
    return json.loads(file.read_text('utf-8'))['results']


def test_each_is_run():
    assert sorted(file.name for file in FOLDER.glob('*')) == sorted(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_what_is_kept(name):
    """No output, no path of a machine, few bytes."""
    file = FOLDER / name
    assert file.stat().st_size < 200_000
    cells = read(name).cells
    assert "find_spec('mmreidmix')" in next(
        cell.source for cell in cells if cell.cell_type == 'code')
    for cell in cells:
        assert not cell.get('outputs') and not cell.get('execution_count')
        assert not re.search(r'[\'"(]/\w+/|~/|http', cell.source), cell.source


def test_links_lead_somewhere():
    for name in NAMES:
        for cell in read(name).cells:
            for link in re.findall(r'\]\(([^)#]+)', cell.source):
                assert (FOLDER / link).is_file(), f'{name}: {link}'


def test_they_run(tmp_path, monkeypatch):
    for key, value in environment().items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv('IPYTHONDIR', os.fspath(tmp_path / 'ipython'))
    outputs = ''
    for name in NAMES:
        notebook = read(name)
        nbclient.NotebookClient(
            notebook, timeout=600, kernel_name='python3',
            resources=dict(metadata=dict(path=tmp_path))).execute()
        outputs += str([c.get('outputs') for c in notebook.cells])
    start, end = (scores(tmp_path / name)['cameras/mAP']
                  for name in ('start.json', 'end.json'))
    assert end > start + 0.02
    assert f'mAP {100 * start:.1f} -> {100 * end:.1f}' in outputs
    nothing, three = (scores(tmp_path / name)
                      for name in ('nothing.json', 'three.json'))
    assert nothing['cameras/mAP'] == pytest.approx(start, abs=1e-6)
    assert three['cameras/mAP'] == pytest.approx(end, abs=1e-6)
    assert {'cameras+rerank/mAP', 'cameras+tested-profiles/mAP',
            'other/mAP'} <= set(three)
    assert outputs.index('doing nothing') < outputs.index('one_epoch |')
