"""Damaged configs, tables and checkpoints, by the thousand; not in CI.

    python -m pytest tests/fuzz_inputs.py                      # 10,000 of each
    EXAMPLES=300 python -m pytest tests/fuzz_inputs.py -k table

Whatever comes in, it is read, and then nothing of it is lost, or it is refused
by an error that names it.
"""

import copy
import os
import string
from collections.abc import Mapping
from inspect import signature

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

import mmreidmix.engine  # noqa: F401
from mmreidmix.checkpoint_file import read_checkpoint
from mmreidmix.command_line import is_plain
from mmreidmix.engine.config_keys import (
    check_hooks,
    check_loaders,
    check_optimizer,
    unread_keys,
)
from mmreidmix.engine.config_ranges import check_ranges
from mmreidmix.files import read_arrays
from mmreidmix.importing.boxes import read_boxes
from mmreidmix.importing.image_rows import to_table
from mmreidmix.importing.table_source import read_table
from mmreidmix.registry import HOOKS, LOOPS, METRICS, MODELS
from tests.tiny import tiny_config

FUZZ = settings(
    max_examples=int(os.environ.get('EXAMPLES', 10_000)), deadline=60_000,
    derandomize=True, print_blob=True,
    suppress_health_check=list(HealthCheck))


@st.composite
def damaged(draw, data: bytes):
    """Bytes with up to 4 places changed, cut out or filled in."""
    data = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = min(len(data), start + draw(st.sampled_from([0, 1, 1, 4, 64])))
        data[start:stop] = draw(st.one_of(
            st.binary(max_size=4), st.sampled_from([
                b'', b',', b';', b'"', b'\n', b'\r\n', b'\0', b'-1', b'nan',
                b'1e999', b'\xff\xfe', b'\xef\xbb\xbf', b'..\\', b'../'])))
    return bytes(data)


@pytest.fixture(scope='module')
def images(tmp_path_factory):
    """A folder of files called as images are."""
    folder = tmp_path_factory.mktemp('images')
    for name in ('a.jpg', 'b c.jpg', 'd/e.jpg', 'ä.jpg'):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b'x')
    return folder


TABLE = ('path,pid,camid,subset\na.jpg,1,0,train\nb c.jpg,1,1,train\n'
         'd/e.jpg,2,0,train\nä.jpg,-1,1,train\n').encode()


@FUZZ
@given(st.data())
def test_table(images, data):
    content = data.draw(damaged(TABLE))
    table = images / 'table.csv'
    table.write_bytes(content)
    try:
        rows = to_table(read_table(table, images, {})[0])
    except ValueError as error:
        assert str(table) in str(error) or 'x' in str(error)
        return
    except FileNotFoundError as error:  # an image that is not there
        assert str(images) in str(error)
        return
    text = content.decode(
        'utf-16' if content[:2] in (b'\xff\xfe', b'\xfe\xff') else 'utf-8-sig')
    lines = [line for line in text.splitlines()[1:] if line]
    assert len(rows) == len(lines)


BOXES = b'1,1,10,20,30,40,1\n1,2,50,20,30,40,1\n2,1,11,20,30,40,1\n'


@FUZZ
@given(st.data())
def test_boxes(images, data):
    content = data.draw(damaged(BOXES))
    file = images / 'det.txt'
    file.write_bytes(content)
    try:
        boxes, ignored = read_boxes(file)
    except ValueError as error:
        assert str(file) in str(error)
        return
    lines = [line for line in content.splitlines() if line.strip()]
    assert len(boxes.frames) + ignored == len(lines)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Bytes of a small checkpoint, and a place for damaged ones."""
    folder = tmp_path_factory.mktemp('checkpoints')
    torch.save(dict(
        state_dict={'a.weight': torch.arange(6.).view(2, 3)},
        meta=dict(cfg="model = dict(type='x')", epoch=3, iter=12),
        message_hub=dict(log_scalars={}), list=[1, 2.5, None, 'x', True]),
        folder / 'whole.pth')
    return (folder / 'whole.pth').read_bytes(), folder / 'damaged.pth'


@FUZZ
@given(st.data())
def test_checkpoint(whole, data):
    content, file = whole
    file.write_bytes(data.draw(damaged(content)))
    try:
        read = read_checkpoint(file)
    except ValueError as error:
        assert str(file) in str(error)
        assert 'weights_only' not in str(error)
        return
    assert isinstance(read, Mapping)


@pytest.fixture(scope='module')
def arrays(tmp_path_factory):
    """Bytes of arrays in one file, and a place for damaged ones."""
    folder = tmp_path_factory.mktemp('arrays')
    np.savez(folder / 'whole.npz', embeddings=np.ones((3, 4), np.float32),
             names=np.array(['a', 'bc', 'd']))
    return (folder / 'whole.npz').read_bytes(), folder / 'damaged.npz'


@FUZZ
@given(st.data())
def test_arrays(arrays, data):
    content, file = arrays
    file.write_bytes(data.draw(damaged(content)))
    try:
        read = read_arrays(file)
    except ValueError as error:
        assert str(file) in str(error)
        return
    assert all(isinstance(value, np.ndarray) for value in read.values())


def places(cfg, path=()):
    """Paths of all keys of a config."""
    items = cfg.items() if isinstance(cfg, Mapping) else enumerate(cfg)
    for key, value in items:
        if isinstance(cfg, Mapping):
            yield (*path, key)
        if isinstance(value, (Mapping, list, tuple)):
            yield from places(value, (*path, key))


#: Whose keys are free: names that a person gives, or values of others.
FREE = ('env_cfg', 'quotas', 'losses', 'train_pipeline', 'test_pipeline')


def build(cfg):
    """What a training builds before its first step, but for the runner."""
    with DefaultScope.overwrite_default_scope('mmreidmix'):
        unread_keys(cfg)
        check_loaders(cfg)
        check_optimizer(cfg)
        check_ranges(cfg)
        check_hooks(cfg.default_hooks)
        signature(Visualizer).bind(
            **{k: v for k, v in cfg.visualizer.items() if k != 'type'})
        signature(Runner.set_randomness).bind(None, **cfg.randomness)
        model = MODELS.build(cfg.model)
        build_optim_wrapper(model, cfg.optim_wrapper)
        for hook in cfg.default_hooks.values():
            HOOKS.build(hook)
        METRICS.build(cfg.val_evaluator)
        METRICS.build(cfg.test_evaluator)
        for name in ('train', 'val', 'test'):
            Runner.build_dataloader(cfg[f'{name}_dataloader'], seed=0)
            signature(LOOPS.get(cfg[f'{name}_cfg'].type)).bind(None, **{
                key: value for key, value in {
                    'dataloader': None, 'evaluator': None,
                    **cfg[f'{name}_cfg']}.items()
                if key != 'type' and (key, name) != ('evaluator', 'train')})


@FUZZ
@given(st.data())
def test_misspelt_key(toy, data):
    cfg = {key: value for key, value in tiny_config(toy).to_dict().items()
           if not key.startswith('_')}
    path = data.draw(st.sampled_from([
        path for path in places(cfg) if path[-1] != 'type'
        # A hook may have any name.
        and path[:-1] != ('default_hooks', )
        and not {*FREE} & {*map(str, path[:-1])}]))
    parent = cfg
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    at = data.draw(st.integers(0, len(key) - 1))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    typo = key[:at] + letter + key[at + data.draw(st.integers(0, 1)):]
    if typo in parent or not typo.isidentifier():
        return
    parent[typo] = copy.deepcopy(parent.pop(key))
    try:
        build(Config(cfg))
    except Exception as error:
        assert is_plain(error) or isinstance(
            error, (TypeError, KeyError, AttributeError)), repr(error)
        assert typo in str(error) or key in str(error), (path, typo, error)
        return
    raise AssertionError(f'{".".join(map(str, path))} as {typo}: accepted')
