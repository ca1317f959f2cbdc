"""Tests of tools/benchmarks/suite.py."""

import copy
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time

import pytest
from test_make_table import RESULT

from mmreidmix.results.result_file import read_result, write_result
from tests.tiny import ROOT, environment, tiny_config

TOOL = ROOT / 'tools' / 'benchmarks' / 'suite.py'
#: mAP by config and seed; None is the start.
SCORES = {
    'base': {None: .5, 0: .4, 1: .5},
    'ours': {None: .5, 0: .6, 1: .8},
}


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOL.parent))  # as for a script
    return runpy.run_path(str(TOOL))


@pytest.fixture
def configs(tmp_path):
    files = []
    for name in SCORES:
        files.append(tmp_path / f'{name}.py')
        files[-1].write_text(f"model = dict(type='{name}')\n")
    return [str(file) for file in files]


def finish(job, attempts=1):
    """Write what a job leaves behind."""
    result = copy.deepcopy(RESULT)
    name = job.folder.parent.name
    score = SCORES[name][job.seed]
    result.update(method=name, training_seed=job.seed)
    if job.seed is None:
        result['checkpoint_rule'] = 'untrained'
    results = {'shop/mAP': score, 'shop/rank-1': score / 2}
    if job.profiles:
        results['shop+tested-profiles/mAP'] = score + .1
    write_result(job.result_file, dict(result, results=results))
    attempts = [] if job.seed is None else [
        dict(began=0., minutes=1.5, peak_mib=100. + job.seed)] * attempts
    job.write_facts(dict(
        config_sha256=job.hashes['config'],
        method_sha256=job.hashes['method'], attempts=attempts))


@pytest.fixture
def run(tool, monkeypatch, capsys):
    """Run a suite whose jobs are played; gives status, texts and jobs."""
    def play(configs, out, *options, fail=(), attempts=1):
        ran = []

        def fake(self, job):
            ran.append(job.name)
            if job.name in fail:
                return 'exit status 1'
            finish(job, attempts=attempts)
            return ''

        monkeypatch.setattr(tool['Runner'], 'run', fake)
        status = tool['main']([*configs, '--out', str(out), *options])
        texts = capsys.readouterr()
        return status, texts.out, texts.err, ran
    return play


def test_table_of_two_configs_and_two_seeds(run, configs, tmp_path):
    out = tmp_path / 'out'
    status, text, _, ran = run(configs, out, '--seeds', '0', '1')
    assert status == 0
    assert ran == ['base start', 'ours start', 'base seed 0', 'ours seed 0',
                   'base seed 1', 'ours seed 1']
    assert (out / 'table.md').read_text().splitlines()[:5] == [
        '|  | seeds | shop mAP | shop rank-1 | minutes | peak MiB |',
        '| --- | ---: | ---: | ---: | ---: | ---: |',
        '| start, untouched | 1 | 50.0 | 25.0 | - | - |',
        '| base | 2 | 45.0 ± 7.1 ↓ | 22.5 ± 3.5 ↓ | 1.5 | 101 |',
        '| ours | 2 | 70.0 ± 14.1 | 35.0 ± 7.1 | 1.5 | 101 |',
    ]
    assert '↓: below the start' in text
    table, = json.loads((out / 'table.json').read_text())['tables']
    score = table['rows'][2]['scores']['shop']['mAP']
    assert score['values'] == {'0': .6, '1': .8}
    assert score['below_start'] is False
    assert table['rows'][1]['scores']['shop']['mAP']['below_start'] is True


def test_camera_profiles_have_a_table_of_their_own(
        run, configs, tmp_path):
    out = tmp_path / 'out'
    run(configs, out, '--seeds', '0')
    options = '--seeds', '0', '--camera-profiles'
    assert len(run(configs, out, *options)[3]) == 4  # tested again
    assert run(configs, out, *options)[3] == []
    plain, profiled = json.loads((out / 'table.json').read_text())['tables']
    assert profiled['title'].startswith('with camera profiles of the tested')
    for table, name, gain in ((plain, 'shop', 0),
                              (profiled, 'shop+tested-profiles', .1)):
        assert all([*row['scores']] == [name] for row in table['rows'])
        means = [row['scores'][name]['mAP']['mean'] for row in table['rows']]
        assert means == pytest.approx([.5 + gain, .4 + gain, .6 + gain])
    assert run(configs, out, '--seeds', '0')[3] == []  # and no second table
    assert len(json.loads((out / 'table.json').read_text())['tables']) == 1


def test_progress_says_how_far_it_is(run, configs, tmp_path):
    lines = run(configs, tmp_path / 'out', '--seeds', '0', '1')[1].splitlines()
    assert lines[0] == '6 jobs, 0 finished before, 6 to run'
    assert lines[2] == ('[2/6] ours start finished after 0.0 min; 4 left')
    assert lines[3].startswith('[3/6] base seed 0 finished')
    assert lines[3].endswith('3 left, about 0 min')
    assert lines[6].endswith('none left')


def test_finished_jobs_stay_and_a_changed_test_is_done_again(
        run, configs, tmp_path):
    out = tmp_path / 'out'
    run(configs, out, '--seeds', '0')
    assert run(configs, out, '--seeds', '0')[3] == []
    assert run(configs, out, '--seeds', '0', '3', '--jobs', '0')[3] == []
    assert '| ours | 1 of 2 |' in (out / 'table.md').read_text()
    result = out / 'ours' / 'seed0' / 'results.json'
    result.write_text(result.read_text()[:-40])  # cut off
    assert run(configs, out, '--seeds', '0')[3] == ['ours seed 0']
    with open(configs[1], 'a') as file:
        file.write("test_dataloader = dict(dataset=dict(type='other'))\n")
    forget = runpy.run_path(str(TOOL))['Job'].check_method.__globals__
    forget['config_hashes'].cache_clear()
    assert run(configs, out, '--seeds', '0')[3] == ['ours start',
                                                    'ours seed 0']


def test_training_with_another_config_is_not_mixed_in(run, configs, tmp_path):
    out = tmp_path / 'out'
    run(configs, out, '--seeds', '0')
    facts = out / 'ours' / 'seed0' / 'job.json'
    facts.write_text(facts.read_text().replace('"method_sha256": "',
                                               '"method_sha256": "0'))
    status, _, error, ran = run(configs, out, '--seeds', '0')
    assert (status, ran) == (2, [])
    assert f'{facts.parent} was trained before {configs[1]} changed' in error


def test_failed_job_is_tried_twice_and_the_rest_goes_on(
        run, configs, tmp_path):
    status, text, error, ran = run(
        configs, tmp_path / 'out', '--seeds', '0', fail=['base seed 0'])
    assert status == 1
    assert ran.count('base seed 0') == 2
    assert ran[-1] == 'ours seed 0'
    assert 'base seed 0 FAILED twice: exit status 1' in text
    assert error == 'FAILED base seed 0: exit status 1\n'
    assert '| base | 0 of 1 | - | - | - | - |' in text


def test_restarts_and_unlike_rows_are_named(run, configs, tmp_path, tool):
    _, text, _, _ = run(configs, tmp_path / 'out', '--seeds', '0',
                        attempts=2)
    assert '| ours | 1 | 60.0 | 30.0 | 3.0 | 100 |' in text
    assert '2 trainings were stopped and went on' in text
    file = tmp_path / 'out' / 'ours' / 'seed0' / 'results.json'
    write_result(file, dict(read_result(file), protocol='another'))
    text = run(configs, tmp_path / 'out', '--seeds', '0')[1]
    assert 'Not alike: protocol: "direct" in' in text


def test_starts_that_differ_have_a_row_each(run, configs, tmp_path,
                                            monkeypatch):
    monkeypatch.setitem(SCORES['ours'], None, .7)
    lines = run(configs, tmp_path / 'out', '--seeds', '0')[1].splitlines()
    rows = [line for line in lines if line.startswith('| ')][2:]
    assert [row.split(' | ')[0] for row in rows] == [
        '| start of base', '| start of ours', '| base', '| ours']
    assert '60.0 ↓' in rows[3]  # below its own start


def test_suite_file_has_tables_labels_and_seeds(run, configs, tmp_path):
    suite = tmp_path / 'suite.yml'
    suite.write_text(json.dumps(dict(seeds=[1], tables=[
        dict(title='First', rows={configs[0]: 'Base', configs[1]: 'Ours'}),
        dict(title='Second', rows={configs[1]: 'Ours again'})])))
    _, text, _, ran = run([str(suite)], tmp_path / 'out')
    assert len(ran) == 4
    assert text.index('## First') < text.index('| Ours |') < text.index(
        '## Second') < text.index('| Ours again |')
    assert len(run([str(suite)], tmp_path / 'out', '--seeds', '0', '1',
                   '--jobs', '2')[3]) == 2


@pytest.mark.parametrize('text, message', [
    ('tables: []', r'tables are \[\]'),
    ('tables: [{rows: {a.py: A}}]', "a table is {'rows'"),
    ('seeds: [a]\ntables: [1]', r"seeds are \['a'\]"),
    ('colour: red', 'nothing else'),
    ('tables: [', 'expected `seeds`'),
    ('tables: [{title: A, rows: {absent.py: A}}]', 'no config file absent.py'),
])
def test_bad_suite_file_is_refused(run, tmp_path, text, message):
    suite = tmp_path / 'suite.yml'
    suite.write_text(text)
    status, _, error, ran = run([str(suite)], tmp_path / 'out')
    assert (status, ran) == (2, [])
    assert re.search(message, error)


def test_commands_are_printed_for_a_queue(run, configs, tmp_path):
    out = tmp_path / 'out'
    run(configs[:1], out, '--seeds', '0')
    _, text, _, ran = run(configs, out, '--seeds', '0', '--print',
                          '--command', 'sbatch --wrap "{command}"')
    job = TOOL.with_name('suite_job.py')
    assert ran == []
    assert text.splitlines() == [
        f'sbatch --wrap "{sys.executable} {job} {configs[1]} {seed}'
        f'--out {out}"' for seed in ('', '--seed 0 ')]


def test_command_that_does_not_wait_is_a_failure(tool, configs, tmp_path,
                                                 capsys):
    status = tool['main']([configs[0], '--seeds', '0', '--out',
                           str(tmp_path / 'out'), '--command',
                           ': {command}'])
    assert status == 1
    assert '--command must wait for the end' in capsys.readouterr().err


def test_stopped_suite_goes_on(toy, tmp_path, monkeypatch):
    """A real training, ended behind its first epoch; its start is played."""
    monkeypatch.syspath_prepend(str(TOOL.parent))
    from common.suite_jobs import Job
    config, out = tmp_path / 'base.py', tmp_path / 'out'
    cfg = tiny_config(toy, train_cfg__max_epochs=3, train_cfg__val_interval=3)
    cfg.dump(config)
    finish(Job(str(config), None, out, profiles=True))
    command = [sys.executable, TOOL, config, '--seeds', '4', '--out', out,
               '--camera-profiles']
    suite = subprocess.Popen(command, env=environment())
    folder = out / 'base' / 'seed4'
    while not (folder / 'last_checkpoint').exists() and suite.poll() is None:
        time.sleep(.1)
    suite.send_signal(signal.SIGTERM)
    assert suite.wait() == 130
    assert not (folder / 'results.json').exists()

    # At once: the suite has waited for its training, which saves first.
    result = subprocess.run(command, env=environment(), capture_output=True,
                            text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith('2 jobs, 1 finished before, 1 to run')
    assert read_result(folder / 'results.json')['checkpoint_rule'] == 'last'
    assert 'resumed epoch: ' in (folder / 'job.log').read_text()
    table, profiled = json.loads((out / 'table.json').read_text())['tables']
    assert [*table['rows'][1]['scores']] == ['toy-unseen']
    assert [*profiled['rows'][1]['scores']] == ['toy-unseen+tested-profiles']
    row = table['rows'][1]
    assert (row['seeds'], row['restarted']) == (1, 1)
    assert row['minutes'] > 0
    assert row['peak_mib'] > 100


@pytest.mark.skipif(os.name != 'posix', reason='no locks of files')
def test_folder_in_use_is_left_alone(configs, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOL.parent))
    from common.suite_jobs import Job
    job = Job(configs[0], 0, tmp_path)
    with job.locked(), pytest.raises(ValueError, match='another process'):
        job.locked().__enter__()
