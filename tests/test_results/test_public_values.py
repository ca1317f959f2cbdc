import json
import os
from pathlib import Path

import pytest

from mmreidmix.results.public_values import public_path, public_value


@pytest.fixture
def places(tmp_path, monkeypatch):
    home, work = tmp_path / 'home' / 'alice', tmp_path / 'home' / 'alice' / 'x'
    work.mkdir(parents=True)
    monkeypatch.setenv('HOME', str(home))
    monkeypatch.chdir(work)
    return home, work


def test_paths_begin_where_one_works(places):
    home, work = places
    assert public_path(str(work / 'data' / 'a')) == os.path.join('data', 'a')
    assert public_path(str(work)) == '.'
    assert public_path(str(home / 'data')) == os.path.join('~', 'data')
    assert public_path(f'{home}2/data') == f'{home}2/data'
    assert public_path('data/a') == 'data/a'
    assert public_path('s3://alice:pw@host/a') == 's3://host/a'


@pytest.mark.parametrize('name', [
    'api_key', 'wandb_api_key', 'APIKEY', 'token', 'HF_TOKEN', 'password',
    'passwd', 'client_secret', 'aws_access_key', 'credentials'])
def test_secrets_are_hidden(name):
    assert public_value({'a': [{name: 'x7'}]}) == {'a': [{name: '(hidden)'}]}


def test_what_only_looks_like_one_is_not():
    value = dict(with_cls_token=True, num_tokens=3, key='a', author='b',
                 out_type='cls_token', token=None, scale=[1, 2], passes='c')
    assert public_value(value) == value
    assert public_value(dict(file=Path('a/b'))) == dict(file='a/b')
    assert json.dumps(public_value({1: 2.5})) == '{"1": 2.5}'
