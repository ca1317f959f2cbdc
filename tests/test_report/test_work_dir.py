import json

import pytest

from mmreidmix.report import WorkDir
from mmreidmix.report.score_tables import (
    group_seeds,
    last_and_best,
    validations,
)
from mmreidmix.results.result_file import write_result

from .conftest import CONFIG, LOG


def test_facts(make_work_dir):
    work = WorkDir(make_work_dir())
    assert (work.name, work.config_name, work.rule) == (
        'my_mix', 'my_mix', 'last')
    assert work.config['model']['type'] == 'DomainMix'
    # that of the moved folder
    assert work.checkpoint.is_file()


def test_a_config_is_not_run(make_work_dir, tmp_path):
    trap = tmp_path / 'trap'
    config = f'{CONFIG}\nopen({str(trap)!r}, "w")\n'
    assert WorkDir(make_work_dir(config=config)).config['train_cfg']
    assert not trap.exists()


def test_unfinished(make_work_dir):
    log = LOG.rpartition('2025')[0]
    assert WorkDir(make_work_dir(log=log)).rule == 'epoch 1 of 2'


def test_what_is_no_work_dir(make_work_dir, tmp_path):
    with pytest.raises(FileNotFoundError, match='no folder .*gone.*train.py'):
        WorkDir(tmp_path / 'gone')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='expected a config'):
        WorkDir(tmp_path / 'empty')
    other = make_work_dir(config="default_scope = 'mmpretrain'\n")
    with pytest.raises(ValueError, match='another project.*mmpretrain'):
        WorkDir(other)
    broken = make_work_dir('broken', config='model = dict(\n')
    with pytest.raises(ValueError, match=r'config\.py: '):
        WorkDir(broken)


def test_result_files(make_work_dir, result, tmp_path):
    folder = make_work_dir()
    write_result(folder / 'results.json', result())
    write_result(tmp_path / 'seed_6.json', result(training_seed=6))
    write_result(tmp_path / 'copy.json', result())
    write_result(tmp_path / 'other.json', result(protocol='another'))
    (folder / '20250131_120000' / 'other.json').write_text('{"a": 1}')
    work = WorkDir(folder, [tmp_path / f'{name}.json' for name in
                            ('seed_6', 'copy', 'other')])
    groups = [[file.stem for file in rows]
              for rows in group_seeds(work.results)]
    assert groups == [['results', 'seed_6'], ['copy'], ['other']]
    with pytest.raises(FileNotFoundError, match='no result file'):
        WorkDir(folder, [tmp_path / 'gone.json'])
    text = (folder / 'results.json').read_text()
    (folder / 'results.json').write_text(text[:-20])
    with pytest.raises(ValueError, match='results.json is no JSON'):
        WorkDir(folder)


def test_last_and_best(make_work_dir):
    (last, best), = last_and_best(validations(WorkDir(
        make_work_dir()).scalars))
    assert (last.domain, last.epoch, best.epoch) == ('mall', 2, 1)
    assert last.scores == {'mAP': .25, 'rank-1': .625}


def test_splits_count_as_one_set():
    row = {f'{name}/mAP': .1 for name in ('grid-0', 'grid-1', 'grid', 'mean')}
    row.update({'grid/splits': 2, 'epoch': 3})
    assert [v.domain for v in validations([json.loads(json.dumps(row))])] == [
        'grid', 'mean']
