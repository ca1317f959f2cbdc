import copy
import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from mmreidmix.evaluation.functional.ranking import RankingResult
from mmreidmix.results.result_file import write_queries, write_result
from mmreidmix.results.result_table import bootstrap_interval

ROOT = Path(__file__).parents[2]
RESULT = {
    'results': {'shop/mAP': .5, 'shop/rank-1': .75, 'shop/queries': 4},
    'protocol': 'direct',
    'sources': [],
    'domains': [{
        'name': 'shop', 'boxes': 'as published', 'split': 'official',
        'sha256': 'ab', 'seen_in_training': 'no', 'query': {}, 'gallery': {}
    }],
    'evaluators': [{'type': 'ReIDMetric', 'metric': 'cosine',
                    'ranks': [1, 5], 'rerank': None}],
    'method': 'base',
    'config': 'base.py',
    'config_sha256': 'cd',
    'checkpoint': 'epoch_2.pth',
    'checkpoint_rule': 'last',
    'training_seed': 0,
    'seed': 0,
    'versions': {},
}


@pytest.fixture(scope='module')
def tool():
    return runpy.run_path(
        str(ROOT / 'tools' / 'analysis_tools' / 'make_table.py'))


@pytest.fixture
def write(tmp_path):
    """Function that writes a result file that differs from RESULT."""
    def write(name, score=.5, ap=None, **changes):
        result = copy.deepcopy(RESULT)
        result['results']['shop/mAP'] = score
        for key, value in changes.items():
            place = result
            *path, last = key.split('__')
            for part in path:
                place = place[int(part) if part.isdecimal() else part]
            place[last] = value
        write_result(tmp_path / f'{name}.json', result)
        if ap is not None:
            ap = np.array(ap, dtype=np.float32)
            first = np.where(np.isnan(ap), -1, np.where(ap > .5, 0, 3))
            write_queries(tmp_path / f'{name}.json', {
                'shop': RankingResult(ap, ap, first)})
        return str(tmp_path / f'{name}.json')
    return write


def test_rows_seeds_and_formats(tool, write, capsys):
    files = [write('a', .5), write('b', .6, training_seed=1),
             write('c', .7, method='our_mix', config_sha256='ef')]
    tool['main']([*files, '--metrics', 'mAP'])
    assert capsys.readouterr().out.splitlines()[:4] == [
        '| method | seeds | shop mAP |', '| --- | ---: | ---: |',
        '| base | 2 | 55.0 ± 7.1 |', '| our_mix | 1 | 70.0 |'
    ]
    tool['main']([*files, '--rows', 'our_mix=Our mix', 'base', '--format',
                  'latex'])
    assert capsys.readouterr().out.splitlines()[:8] == [
        r'\begin{tabular}{lrrr}', r'\hline',
        r'method & seeds & shop mAP & shop rank-1 \\', r'\hline',
        r'Our mix & 1 & 70.0 & 75.0 \\',
        r'base & 2 & 55.0 $\pm$ 7.1 & 75.0 $\pm$ 0.0 \\', r'\hline',
        r'\end{tabular}'
    ]


def test_a_label_is_the_same_text_in_each_form(tool, write, capsys):
    files = [write('a', .4), write('b', .6, training_seed=1)]
    label = r'a\b, "c" & 5% $d #e_f {g} ~h ^i'
    options = [*files, '--metrics', 'mAP', '--rows', f'base={label}']
    tool['main']([*options, '--format', 'csv'])
    out, error = capsys.readouterr()
    assert list(csv.reader(out.splitlines())) == [
        ['method', 'seeds', 'shop mAP'], [label, '2', '50.0 ± 14.1']]
    assert 'no row of doing nothing' in error
    tool['main']([*options, '--format', 'latex'])
    assert capsys.readouterr().out.splitlines()[4] == (
        r'a\textbackslash{}b, "c" \& 5\% \$d \#e\_f \{g\} '
        r'\textasciitilde{}h \textasciicircum{}i & 2 & 50.0 $\pm$ 14.1 \\')


@pytest.mark.parametrize('change, field', [
    ({'protocol': 'adapted'}, 'protocol'),
    ({'domains__0__boxes': 'labeled'}, 'boxes'),
    ({'domains__0__split': 'split 3'}, 'split'),
    ({'domains__0__sha256': 'cd'}, 'sha256'),
    ({'domains__0__seen_in_training': 'unlabelled'}, 'seen_in_training'),
    ({'domains__0__name': 'shop2'}, 'domains'),
    ({'evaluators__0__rerank': {'k1': 20}}, 'ReIDMetric.rerank'),
    ({'checkpoint_rule': 'oracle'}, 'checkpoint_rule'),
])
def test_unlike_results_are_refused(tool, write, capsys, change, field):
    files = [write('a'), write('b', method='other', **change)]
    with pytest.raises(ValueError) as stop:
        tool['main'](files)
    assert f'\n{field}: ' in str(stop.value)
    assert 'a.json' in str(stop.value) and 'b.json' in str(stop.value)
    for allowed in ([], [field, 'boxes', 'split', 'sha256',
                         'seen_in_training']):
        tool['main']([*files, '--allow-unlike', *allowed])
        assert f'Not alike: {field}: ' in capsys.readouterr().out
    with pytest.raises(ValueError, match='unlike protocols'):
        tool['main']([*files, '--allow-unlike', 'nothing'])
    # unlike, but not shown
    tool['main']([*files, '--rows', 'base'])
    assert 'Not alike' not in capsys.readouterr().out


def test_batch_norm_of_tested_images_is_not_mixed(tool, write, capsys):
    files = [write('a'), write('b', method='other', batch_norm='tested')]
    with pytest.raises(ValueError, match='batch_norm'):
        tool['main'](files)
    tool['main']([*files, '--allow-unlike', 'batch_norm'])
    assert 'all scores use the tested images without labels' in (
        capsys.readouterr().out)
    tool['main'](files[:1])
    assert 'tested images' not in capsys.readouterr().out


def test_profiles_of_tested_images_are_named(tool, write, capsys):
    tool['main']([write('a', **{'results__shop+tested-profiles/mAP': .7})])
    out = capsys.readouterr().out
    assert '| shop mAP | shop rank-1 | shop+tested-profiles mAP |' in out
    assert ('+tested-profiles: embeddings standardised per camera, uses the '
            'tested images without labels') in out


def test_each_seed_has_profiles_of_its_own(tool, write, capsys):
    tool['main']([
        write(str(seed), training_seed=seed,
              evaluators__0__camera_profiles=[f'{seed}.npz'])
        for seed in range(2)])
    assert '| base | 2 |' in capsys.readouterr().out


def test_shown_ranks_may_differ(tool, write, capsys):
    tool['main']([write('a'), write('b', method='other',
                                    evaluators__0__ranks=[1])])
    assert 'Not alike' not in capsys.readouterr().out


def test_domains_to_show(tool, write, capsys):
    scores = {'grid-0/mAP': .1, 'grid-1/mAP': .3, 'grid/mAP': .2,
              'grid/splits': 2, 'shop/mAP': .5}
    file = write('a', results=scores)
    tool['main']([file])
    assert '| method | seeds | grid mAP | shop mAP |' in (
        capsys.readouterr().out)
    tool['main']([file, '--domains', 'grid-1'])
    assert '| 30.0 |' in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"no result has \['gone'\]"):
        tool['main']([file, '--domains', 'gone'])


def test_interval_over_queries(tool, write, capsys):
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 200))
    first[:5] = second[:5] = np.nan
    files = [write('a', .5, ap=first), write('b', .5, ap=second,
                                             training_seed=1)]
    tool['main']([*files, '--metrics', 'mAP'])
    text = capsys.readouterr().out.splitlines()[2]
    low, high = json.loads(text[text.index('['):text.index(']') + 1])
    mean = np.nanmean((first + second) / 2)
    error = np.nanstd((first + second) / 2) / np.sqrt(195)
    assert low == pytest.approx(100 * (mean - 1.96 * error), abs=.4)
    assert high == pytest.approx(100 * (mean + 1.96 * error), abs=.4)
    tool['main']([*files, '--resamples', '0'])
    assert '[' not in capsys.readouterr().out


def test_rank_k_of_an_interval(tool):
    ranking = RankingResult(None, None, np.array([0, 0, 2, 5, -1]))
    low, high = bootstrap_interval([ranking], 'rank-5', 500)
    assert low < .75 < high
    assert bootstrap_interval([ranking], 'rank-6', 10) == (1, 1)
    assert bootstrap_interval([ranking], 'queries', 10) is None


def start(sha256='aa', weights='w/osnet.pth', size=(256, 128), **more):
    """What a result says of its start."""
    return dict(sha256=sha256, weights=weights, input_size=list(size), **more)


def nothing_done(write, name, score, **changes):
    """A result file of doing nothing."""
    return write(name, score, **{
        'checkpoint': 'none', 'checkpoint_rule': 'untrained',
        'training_seed': None, 'start': start(), **changes})


def test_doing_nothing_is_the_first_row(tool, write, capsys):
    files = [
        write('a', .5, start=start()), write('b', .6, training_seed=1,
                                             start=start()),
        write('c', .58, method='our_mix', start=start()),
        # Its config trains on the tested people: of no concern to the start.
        nothing_done(write, 'n', .56, domains__0__seen_in_training='labelled')
    ]
    tool['main']([*files, '--metrics', 'mAP', '--rows', 'our_mix', 'base'])
    assert capsys.readouterr().out.splitlines() == [
        '| method | seeds | shop mAP |', '| --- | ---: | ---: |',
        '| doing nothing: osnet.pth at 256x128 | - | 56.0 |',
        '| our_mix | 1 | 58.0 |', '| base | 2 | 55.0 ± 7.1 ↓ |', '',
        '↓ is below doing nothing.'
    ]
    tool['main']([*files, '--metrics', 'mAP', '--format', 'latex'])
    text = capsys.readouterr().out
    assert r'base & 2 & 55.0 $\pm$ 7.1 $\downarrow$ \\' in text
    assert '% ↓ is below' in text


@pytest.mark.parametrize('change', [
    {'protocol': 'adapted'}, {'domains__0__sha256': 'cd'},
    {'start': start('bb')}, {'start': start(size=(128, 64))},
    {'evaluators__0__rerank': {'k1': 20}},
])
def test_a_wrong_start_is_not_compared_with(tool, write, capsys, change):
    tool['main']([write('a', .5, start=start()),
                  nothing_done(write, 'n', .9, **change), '--metrics', 'mAP'])
    table, first, second = capsys.readouterr().out.split('\n\n')
    assert table.splitlines()[2:] == ['| base | 1 | 50.0 |']
    assert first.startswith('base has no row of doing nothing: python '
                            'tools/test.py CONFIG none --out start.json')
    assert 'n.json is the start of no row' in second


def test_results_bring_their_own_start(tool, write, capsys):
    """Of random weights the mean over seeds, of a file one value."""
    def trained(name, score, before, seed, weights):
        scores = json.loads(Path(nothing_done(
            write, f'{name}_start', before, seed=seed,
            start=start(weights=weights))).read_text())
        return write(name, score, training_seed=seed,
                     start=start(weights=weights, scores=scores))

    tool['main']([trained('a', .4, .2, 0, 'random weights'),
                  trained('b', .5, .3, 1, 'random weights'),
                  '--metrics', 'mAP'])
    assert capsys.readouterr().out.splitlines()[2:] == [
        '| doing nothing: random weights at 256x128 | 2 | 25.0 ± 7.1 |',
        '| base | 2 | 45.0 ± 7.1 |']
    tool['main']([trained('a', .4, .35, 0, 'w.pth'),
                  trained('b', .5, .35, 1, 'w.pth'), '--metrics', 'mAP'])
    assert capsys.readouterr().out.splitlines()[2:] == [
        '| doing nothing: w.pth at 256x128 | - | 35.0 |',
        '| base | 2 | 45.0 ± 7.1 |']


def test_a_table_of_starts_alone(tool, write, capsys):
    tool['main']([nothing_done(write, 'n', .9), nothing_done(
        write, 'm', .1, start=start('bb', 'w/net.pth')), '--metrics', 'mAP'])
    assert capsys.readouterr().out.splitlines()[2:] == [
        '| doing nothing: osnet.pth at 256x128 | - | 90.0 |',
        '| doing nothing: net.pth at 256x128 | - | 10.0 |']


def test_a_row_is_one_config_and_one_result_per_seed(tool, write):
    with pytest.raises(ValueError, match='the same training seed .* 0'):
        tool['main']([write('a'), write('b')])
    with pytest.raises(ValueError, match='have different configs'):
        tool['main']([write('a'), write('c', training_seed=1,
                                        config_sha256='zz')])
    with pytest.raises(ValueError, match=r"--rows: no result of \['x'\]"):
        tool['main']([write('a'), '--rows', 'base', 'x'])
    with pytest.raises(ValueError, match='no result has any of'):
        tool['main']([write('a'), '--metrics', 'EER'])
    with pytest.raises(FileNotFoundError, match='no result file'):
        tool['main'](['gone.json'])
