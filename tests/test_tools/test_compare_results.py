"""Tests of tools/analysis_tools/compare_results.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = (
    Path(__file__).parents[2] / 'tools' / 'analysis_tools' /
    'compare_results.py')


def write(path, results):
    path.write_text(json.dumps({'results': results}))
    return path


def run(*args):
    return subprocess.run([sys.executable, TOOL, *args],
                          capture_output=True,
                          text=True)


def test_two_files_get_a_difference(tmp_path):
    before = write(tmp_path / 'before.json', {
        'unseen/mAP': 0.25,
        'unseen/rank-1': 0.5,
        'unseen/rank-5': 0.9
    })
    after = write(tmp_path / 'after.json', {
        'unseen/mAP': 0.375,
        'unseen/rank-1': 0.4
    })
    result = run(before, after)
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows == [
        ['before', 'after', 'difference'],
        ['unseen/mAP', '25.0', '37.5', '+12.5'],
        ['unseen/rank-1', '50.0', '40.0', '-10.0'],
    ]


def test_a_missing_value_is_a_dash_and_columns_line_up(tmp_path):
    paths = [
        write(tmp_path / 'a.json', {'market1501/mAP': 1.0}),
        write(tmp_path / 'b.json', {'pku-reid/mAP': 0.0}),
        write(tmp_path / 'c.json', {'market1501/mINP': 0.125}),
    ]
    result = run(*paths, '--metrics', 'mINP', 'mAP')
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert [line.split() for line in lines] == [
        ['a', 'b', 'c'],
        ['market1501/mINP', '-', '-', '12.5'],
        ['market1501/mAP', '100.0', '-', '-'],
        ['pku-reid/mAP', '-', '0.0', '-'],
    ]
    assert len({len(line) for line in lines}) == 1


def test_files_of_the_same_name_keep_their_path(tmp_path):
    paths = []
    for folder in 'ab':
        (tmp_path / folder).mkdir()
        paths.append(write(tmp_path / folder / 'r.json', {'x/mAP': 0.5}))
    head = run(*paths).stdout.splitlines()[0].split()
    assert head == [*map(str, paths), 'difference']


@pytest.mark.parametrize('content, message', [
    ('[]', "has no key 'results'"),
    ('{', 'cannot be read'),
    (None, 'cannot be read'),
    ('{"results": {"x/mAP": 1}}', "none of the files has any of ['mINP']"),
])
def test_bad_files_are_named(tmp_path, content, message):
    path = tmp_path / 'bad.json'
    if content is not None:
        path.write_text(content)
    result = run(path, '--metrics', 'mINP')
    assert result.returncode == 2
    assert message in result.stderr
    assert 'Traceback' not in result.stderr
