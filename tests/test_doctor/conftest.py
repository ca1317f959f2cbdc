"""Toy data of 24 + 6 people in two cameras, with a table of labels."""

import shutil

import pytest

from mmreidmix.datasets import Market1501
from mmreidmix.toy import generate

from .damage import ToyDomain


@pytest.fixture(scope='session')
def clean(tmp_path_factory):
    """The toy data; not to be changed."""
    root = tmp_path_factory.mktemp('doctor') / 'toy'
    generate(root, 'market1501', 'real_a', num_ids=24, num_test_ids=6,
             images_per_camera=3, num_cameras=2, size=(64, 32), seed=0,
             workers=1)
    rows = []
    for subset in ('train', 'query', 'gallery'):
        records = Market1501(root, subset).records
        rows += [
            dict(path=records.path(i), subset=subset,
                 pid=int(records.pids[i]), camid=int(records.camids[i]) + 1,
                 tracklet='')
            for i in range(len(records))]
    return ToyDomain(root, rows)


@pytest.fixture
def toy_domain(clean, tmp_path):
    """A copy of the toy data, to be damaged."""
    root = tmp_path / 'toy'
    shutil.copytree(clean.root, root)
    return ToyDomain(root, clean.rows)
