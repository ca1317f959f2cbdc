import copy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmreidmix.config_text import ABSENT
from mmreidmix.report.config_difference import (
    base_names,
    changes,
    find_config,
    read_bases,
    read_config,
)

VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text('abc', min_size=1, max_size=2), inner, max_size=3),
    max_leaves=12)
CONFIGS = st.dictionaries(st.sampled_from('abc'), VALUES)


# The time that examples take is that of the machine.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(CONFIGS, CONFIGS)
def test_a_difference_leads_from_one_to_the_other(base, run):
    assert changes(run, run, run) == []
    found = changes(base, run, run)
    assert all(change.by_file for change in found)
    rebuilt = copy.deepcopy(base)
    for change in found:
        *path, last = _path(change.key, base)
        place = rebuilt
        for key in path:
            place = place[key]
        if change.run is ABSENT:
            del place[last]
        else:
            place[last] = change.run
    assert rebuilt == run


def _path(key, config):
    path = []
    for part in key.split('.'):
        part = int(part) if isinstance(config, list) else part
        path.append(part)
        if isinstance(config, list) or part in config:
            config = config[part]
    return path


def test_file_and_start_of_the_run(tmp_path):
    (tmp_path / 'base').mkdir()
    (tmp_path / 'base' / 'a.py').write_text(
        "_help = 1\nmodel = dict(type='A', width=8)\nseed = 0\n")
    (tmp_path / 'base' / 'b.py').write_text(
        "data = dict(domains=[dict(name='x'), dict(name='y')])\n")
    file = tmp_path / 'mine.py'
    file.write_text("_base_ = ['base/a.py', './base/b.py']\n_help = 2\n"
                    'model = dict(width=(8, 16), depth=2)\n')
    assert base_names(file) == ['base/a.py', './base/b.py']
    run = read_config(file)
    run['seed'] = 3
    run['data']['domains'][1]['name'] = 'z'
    run['model']['width'] = [8, 16]
    found = changes(read_bases(file), read_config(file), run)
    assert [tuple(change) for change in found] == [
        ('data.domains.1.name', 'y', 'z', False),
        ('model.depth', ABSENT, 2, True),
        ('model.width', 8, [8, 16], True),
        ('seed', 0, 3, False),
    ]


def test_configs_of_the_project():
    file = find_config('r18_x0_25_toysyn_toytarget')
    assert file.parent.name == 'daam'
    keys = {change.key for change in changes(
        read_bases(file), read_config(file), read_config(file))}
    labels = 'default_hooks.pseudo_labels'
    domains = {f'{part}_dataloader.dataset.domains'
               for part in ('train', 'val', 'test')}
    assert keys == domains | {
        f'{labels}.begin', f'{labels}.clustering.k1',
        f'{labels}.clustering.eps', 'model.backbone', 'model.neck',
        'model.bnneck', 'model.data_preprocessor',
        'model.id_head.max_classes', 'protocol',
        'train_dataloader.batch_sampler.iters_per_epoch',
        'train_dataloader.batch_sampler.quotas'
    }
    with pytest.raises(FileNotFoundError, match='no config gone.py .*--config'
                       ):
        find_config('gone')


def test_a_missing_base(tmp_path):
    file = tmp_path / 'mine.py'
    file.write_text("_base_ = 'gone.py'\n")
    with pytest.raises(FileNotFoundError, match=str(Path('gone.py'))):
        read_bases(file)
