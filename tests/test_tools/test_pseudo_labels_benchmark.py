"""Tests of tools/benchmarks/pseudo_labels.py and the modules beside it."""

import json
import logging
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest

from mmreidmix.neighbours import k_reciprocal_encoding, knn, normalise_rows
from mmreidmix.pseudo_labels import jaccard_graph
from tests.oracles import dense_encoding, dense_jaccard
from tests.tiny import ROOT, environment

TOOL = ROOT / 'tools' / 'benchmarks' / 'pseudo_labels.py'
STAGES = ['normalise', 'neighbours', 'encoding', 'jaccard', 'clustering',
          'reliability']


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOL.parent))  # as for a script
    return runpy.run_path(str(TOOL))


@pytest.fixture
def here(tool, monkeypatch):
    """Measures in this process: it takes seconds to start another one."""
    monkeypatch.setitem(
        tool['measure'].__globals__, 'in_new_process',
        lambda function, *args: function(*args))
    for name in ('OMP', 'OPENBLAS', 'MKL', 'NUMEXPR'):  # restored afterwards
        monkeypatch.setenv(f'{name}_NUM_THREADS', '1')
    logger = logging.getLogger('mmreidmix')
    monkeypatch.setattr(logger, 'level', logger.level)
    monkeypatch.setattr(logging, 'basicConfig', lambda **options: None)
    return tool


@pytest.fixture
def planted(tool):
    from common.synthetic_features import planted_features
    return planted_features


def test_report(tmp_path):
    """The whole command with both references, in its own processes."""
    out = tmp_path / 'new' / 'result.json'
    result = subprocess.run(
        [sys.executable, TOOL, '--num', '300', '--dim', '32', '--device',
         'cpu', '--threads', '1', '--seed', '3', '--compare', 'dense',
         'faiss', '--out', out],
        env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    report = json.loads(out.read_text())
    assert report['hardware']['threads'] == 1
    assert {'torch', 'numpy', 'faiss', 'numba', 'scipy',
            'sklearn'} <= set(report['versions'])
    assert report['settings'] == dict(
        dim=32, backend='torch', options={}, expansion=0, device='cpu',
        threads=1, seed=3, k1=30, k2=6, eps=[0.58, 0.6, 0.62], min_samples=4)
    found = report['results']['300']
    assert list(found['seconds']) == STAGES
    assert all(value > 0 for value in found['seconds'].values())
    assert found['after_neighbours_seconds'] == pytest.approx(
        sum(found['seconds'][name] for name in STAGES[2:]))
    assert found['warm_up_seconds'] > 0

    memory = found['memory_mib']
    assert list(memory['stages']) == STAGES
    assert memory['features'] == 300 * 32 * 4 / 2**20
    assert memory['peak'] == max(memory['stages'].values())
    assert memory['libraries'] <= memory['start'] <= memory['peak'] + 1
    assert memory['peak_over_features'] == pytest.approx(
        memory['peak'] - memory['features'])

    assert list(found['labels']) == ['0.58', '0.6', '0.62']
    for labels in [*found['labels'].values(), found['reliable']]:
        assert 1 <= labels['clusters'] <= found['persons'] + 5
        assert 0 <= labels['noise_share'] < 0.5
        assert 0.3 < labels['ari'] <= 1
    assert 'recall' not in found  # of an exact search

    dense = found['dense']
    assert list(dense['seconds']) == ['encoding', 'distances', 'clustering']
    assert dense['adjusted_rand'] == {
        '0.58': 1.0, '0.6': 1.0, '0.62': 1.0}
    assert set(dense['images_labelled_differently'].values()) == {0}
    assert dense['pairs'] > 300 and dense['missing_pairs'] == 0
    assert 0 < dense['largest_difference'] < 1e-5
    own = found['seconds']
    assert dense['speedup']['jaccard_stage'] == pytest.approx(
        (dense['seconds']['encoding'] + dense['seconds']['distances']) /
        (own['encoding'] + own['jaccard']))

    other = found['faiss']
    assert other['speedup'] == pytest.approx(
        other['seconds'] / own['neighbours'])
    assert other['rows_different_beyond_rounding'] == 0
    assert '1.000000 at 0.6' in result.stdout
    assert 'neighbours: ' in result.stderr  # progress


def test_curve(here, tmp_path):
    out, picture = tmp_path / 'curve.json', tmp_path / 'new' / 'curve.svg'
    here['main'](['--curve', '400', '250', '--dim', '16', '--backend', 'ivf',
                  '--options', 'nlist=4', 'nprobe=4', '--device', 'cpu',
                  '--threads', '1', '--out', str(out), '--plot',
                  str(picture)])
    report = json.loads(out.read_text())
    assert list(report['results']) == ['250', '400']
    assert set(report['growth']) == {'neighbours', 'after_neighbours'}
    assert report['settings']['options'] == dict(nlist=4, nprobe=4)
    assert report['settings']['expansion'] == 2
    assert all(found['recall'] == 1  # all lists are searched
               for found in report['results'].values())
    assert '<svg' in picture.read_text()


def test_growth_exponent(tool):
    from common.cost_curve import growth_exponent
    nums = [10, 100, 1000]
    assert growth_exponent(nums, [3 * num**1.5 for num in nums]) == (
        pytest.approx(1.5))


def test_planted_features_depend_on_the_seed_only(planted):
    first = planted(500, 40, 7)
    np.random.default_rng(0).random(9)
    for one, other in zip(first, planted(500, 40, 7)):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first[0], planted(500, 40, 8)[0])


@pytest.mark.parametrize('num, dim', [(1, 1), (2, 3), (17, 8), (9000, 5)])
def test_planted_shapes(planted, num, dim):
    features, persons, cameras = planted(num, dim, 0)
    assert features.shape == (num, dim) and features.dtype == np.float32
    assert np.isfinite(features).all() and features.any(axis=1).all()
    sizes = np.bincount(persons)
    assert sizes.sum() == num and sizes.min() >= 1 and sizes.max() <= 80
    assert cameras.shape == (num, ) and cameras.max() < 8


def test_planted_persons_are_neither_trivial_nor_lost(planted):
    features, persons, cameras = planted(2000, 48, 0)
    indices, _ = knn(normalise_rows(features), 2)
    near = indices[:, 1]
    assert 0.7 < np.mean(persons[near] == persons) < 0.99
    # A camera changes the picture of a person.
    assert np.mean(cameras[near] == cameras) > 0.15


@pytest.mark.parametrize('k1, k2', [(30, 6), (5, 1), (8, 3)])
def test_dense_reference_is_the_definition(tool, planted, k1, k2):
    from common import dense_jaccard
    features = normalise_rows(planted(150, 12, 1)[0]).numpy()
    indices, sims = knn(features, max(k1, k2))
    weights = dense_jaccard.encoding(indices, features, k1, k2)
    np.testing.assert_allclose(
        weights, dense_encoding(features, indices.tolist(), k1, k2),
        atol=1e-6)
    matrix = dense_jaccard.distances(weights)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(matrix, dense_jaccard_of(weights), atol=1e-5)


def dense_jaccard_of(weights):
    return dense_jaccard(weights.astype(np.float64))


def test_compare_distances_sees_what_differs(tool, planted):
    from common import dense_jaccard as reference
    from common.pseudo_label_stages import compare_distances
    features = normalise_rows(planted(120, 12, 2)[0]).numpy()
    encoding = k_reciprocal_encoding(*knn(features, 30), features)
    graph = jaccard_graph(encoding, 0.62)
    matrix = reference.distances(encoding.toarray())
    same = compare_distances(matrix, graph)
    assert same['largest_difference'] < 1e-5 and same['missing_pairs'] == 0
    assert same['pairs'] == graph.nnz // 2
    row = int(np.argmax(np.diff(graph.indptr)))
    graph.data[graph.indptr[row]] += 0.125
    alone = np.flatnonzero(matrix[row] > 0.7)[0]
    matrix[row, alone] = 0.1
    found = compare_distances(matrix, graph)
    assert found['largest_difference'] == pytest.approx(0.125, abs=1e-4)
    assert found['missing_pairs'] == 1


def test_faiss_lists_are_compared_as_sets(tool, planted):
    from common.pseudo_label_stages import Setting, compare_faiss
    features = normalise_rows(planted(200, 12, 2)[0]).numpy()
    features[1] = features[0]  # faiss may list it before the image itself
    indices, _ = knn(features, 10)
    setting = Setting(200, 12, 'torch', 'cpu', 1, 0)
    same = compare_faiss(dict(unit=features, indices=indices), setting, 1.0)
    assert same['rows_different'] == 0 and same['share_of_equal_rows'] == 1
    worst = int(np.argmin(features @ features[5]))
    indices[5, -1] = worst
    found = compare_faiss(dict(unit=features, indices=indices), setting, 1.0)
    assert found['rows_different_beyond_rounding'] == 1
    assert found['share_of_equal_rows'] == 0.995
    assert found['largest_gap'] > 0.1


def test_quality_counts_noise_as_single_images(tool):
    from common.pseudo_label_stages import quality
    found = quality(np.array([0, 0, 1, 1, -1, -1]),
                    np.array([5, 5, 6, 6, 7, 8]))
    assert found == dict(clusters=2, noise_share=1 / 3, ari=1.0,
                         ari_clustered=1.0)
    assert quality(np.array([0, 0, -1, -1]), np.array([1, 1, 2, 2]))[
        'ari'] < 1


def test_dense_that_does_not_fit(tool, capsys):
    with pytest.raises(SystemExit):
        tool['parse_args'](['--num', '10000000', '--compare', 'dense'])
    message = capsys.readouterr().err
    assert 'needs 8' in message and 'GB are available' in message
    assert '10,000,000 images' in message


def test_a_killed_process_is_told(tool):
    import os

    from common.subprocess_meter import in_new_process
    with pytest.raises(SystemExit, match='killed, probably for lack of mem'):
        in_new_process(os._exit, 9)


@pytest.mark.parametrize('options, message', [
    ([], 'either --num or --curve'),
    (['--num', '9', '--curve', '9', '10'], 'either --num or --curve'),
    (['--num', '0'], '--num must be at least 1, got 0'),
    (['--num', '9', '--plot', 'a.png'], '--plot draws a --curve'),
    (['--curve', '9', '9'], 'at least two different'),
    (['--num', '9', '--backend', 'ivf', '--device', 'cuda'],
     'runs on the CPU only'),
    (['--num', '9', '--backend', 'tree'], 'invalid choice'),
    (['--num', '9', '--options', 'nprobe=8'], '--backend torch has none'),
    (['--num', '9', '--options', 'nprobe'], 'expected NAME=NUMBER'),
])
def test_bad_options(tool, capsys, options, message):
    with pytest.raises(SystemExit):
        tool['parse_args'](options)
    assert message in capsys.readouterr().err


def test_examples_of_the_docs(capsys):
    page = ROOT / 'docs' / 'en' / 'reference' / 'pseudo_labels.md'
    blocks = re.findall(r'```python\n(.*?)```', page.read_text(), re.S)
    names = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 2
    assert names['found'].labels.max() == 39  # 40 persons
    assert capsys.readouterr().out.count('clusters') == 4
