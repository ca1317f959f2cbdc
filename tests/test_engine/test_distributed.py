"""Several processes do what one does alone."""

import json

import numpy as np
import pytest

from tests.test_engine.distributed_labels import CLUSTERINGS, SIZES, label
from tests.test_engine.distributed_runs import TRAININGS
from tests.tiny import checkpoint, run_processes

#: Largest difference, relative to the largest value.
ROUNDING = 1e-12


@pytest.fixture(scope='module')
def runs(toy, tmp_path_factory):
    """Work dirs ``<training><processes>``."""
    folder = tmp_path_factory.mktemp('runs')
    for num in (1, 2, 4):
        run_processes(
            num, '-m', 'tests.test_engine.distributed_runs', folder, toy)
    return folder


def curves(work_dir):
    """Logged values by name, but for the times."""
    file, = work_dir.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows = [row for row in rows if 'loss' in row]
    names = sorted({name for row in rows for name in row
                    if name.startswith(('loss', 'attention'))})
    return {name: [row[name] for row in rows if name in row]
            for name in names}


@pytest.mark.parametrize('num', [2, 4])
@pytest.mark.parametrize('name', TRAININGS)
def test_several_processes_equal_one(runs, name, num):
    one, several = (curves(runs / f'{name}{n}') for n in (1, num))
    assert one.keys() == several.keys() and len(one) > 3
    assert len(one['loss']) == 8
    for key, values in one.items():
        assert several[key] == pytest.approx(
            values, rel=ROUNDING, abs=1e-15), key
    one, several = (checkpoint(runs / f'{name}{n}', 2) for n in (1, num))
    labels = one['label_table']['labels']
    np.testing.assert_array_equal(labels, several['label_table']['labels'])
    assert labels.max() >= 12  # there are pseudo identities
    weights = several['state_dict']
    assert one['state_dict'].keys() == weights.keys()
    for key, value in one['state_dict'].items():
        largest = float(value.abs().max())
        np.testing.assert_allclose(
            weights[key], value, rtol=0, atol=ROUNDING * largest, err_msg=key)


def test_processes_share_the_search_and_agree(tmp_path):
    run_processes(2, '-m', 'tests.test_engine.distributed_labels', tmp_path)
    for name, clustering in CLUSTERINGS.items():
        labels, alpha = label(clustering, SIZES.get(name, 401))
        assert name == 'one' or labels.max() > 10
        for rank in range(2):
            with np.load(tmp_path / f'{name}{rank}.npz') as found:
                np.testing.assert_array_equal(found['labels'], labels, name)
                np.testing.assert_equal(float(found['alpha']), alpha)
