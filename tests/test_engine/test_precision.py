"""Tests of mmreidmix.engine.precision and of what it decides."""

import pytest
import torch
from mmengine.config import Config

from mmreidmix.engine import Bf16OptimWrapper, precision
from mmreidmix.engine.build_runner import build_runner
from mmreidmix.engine.precision import (
    bfloat16_is_fast_everywhere,
    force_precision,
)
from mmreidmix.results.provenance import method_hash
from tests.tiny import tiny_config


def config(**changes):
    cfg = dict(
        optim_wrapper=dict(
            type='Bf16OptimWrapper', constructor='Some', optimizer=dict(lr=1)),
        default_hooks=dict(
            pseudo_labels=dict(type='PseudoLabelHook', bf16=False)),
        val_cfg=dict(type='ValLoop'),
        test_cfg=dict(type='TestLoop'))
    return Config({**cfg, **changes})


@pytest.mark.parametrize('changes', [{}, dict(precision='auto')])
def test_a_config_does_not_depend_on_the_device(monkeypatch, changes):
    monkeypatch.setattr(precision, 'bfloat16_is_fast', lambda device: False)
    cfg = config(**changes)
    before = cfg.to_dict()
    force_precision(cfg)
    assert cfg.to_dict() == before


@pytest.mark.parametrize('kind', ['OptimWrapper', 'Bf16OptimWrapper'])
@pytest.mark.parametrize('asked', ['bf16', 'fp32'])
def test_a_forced_format_is_that_of_all_parts(asked, kind):
    cfg = config(precision=asked)
    cfg.optim_wrapper.type = kind
    force_precision(cfg)
    options = dict(constructor='Some', optimizer=dict(lr=1))
    assert cfg.optim_wrapper.to_dict() == (
        dict(options, type='Bf16OptimWrapper', force=True) if asked == 'bf16'
        else dict(options, type='OptimWrapper'))
    assert 'bf16' not in cfg.default_hooks.pseudo_labels
    assert cfg.val_cfg.fp16 == cfg.test_cfg.fp16 == (asked == 'bf16')


def test_float32_undoes_a_forced_bfloat16():
    cfg = config(precision='bf16')
    force_precision(cfg)
    cfg.precision = 'fp32'
    force_precision(cfg)
    other = config(precision='fp32')
    force_precision(other)
    assert cfg.to_dict() == other.to_dict()
    assert method_hash(cfg.to_dict()) != method_hash(config().to_dict())


@pytest.mark.parametrize('changes', [
    dict(default_hooks={}), dict(default_hooks=None),
    dict(default_hooks=dict(pseudo_labels=None)),
    dict(optim_wrapper=None), dict(val_cfg=None),
])
def test_parts_that_a_config_lacks(changes):
    cfg = config(precision='fp32', **changes)
    force_precision(cfg)
    assert cfg.test_cfg.fp16 is False
    for key, value in changes.items():
        assert cfg[key] == value


@pytest.mark.parametrize('changes, message', [
    (dict(precision='fp16'), "precision must be one of 'auto', 'bf16', 'f"),
    (dict(precision='bf16', optim_wrapper=dict(type='AmpOptimWrapper')),
     "AmpOptimWrapper; leave precision at 'auto'"),
])
def test_what_can_not_be_forced(changes, message):
    with pytest.raises(ValueError, match=message):
        force_precision(config(**changes))


@pytest.mark.parametrize('fast', [True, False])
@pytest.mark.parametrize('force', [True, False])
def test_the_optimizer_is_in_bfloat16_where_it_is_fast(
        monkeypatch, fast, force):
    monkeypatch.setattr(precision, 'bfloat16_is_fast', lambda device: fast)
    layer = torch.nn.Linear(2, 2)
    wrapper = Bf16OptimWrapper(
        torch.optim.SGD(layer.parameters(), lr=1), force=force)
    with wrapper.optim_context(layer):
        found = layer(torch.ones(1, 2)).dtype
    assert found == (torch.bfloat16 if fast or force else torch.float32)
    assert wrapper.bf16 == (fast or force)


@pytest.mark.parametrize('others', [0.0, 1.0])
def test_one_slow_process_decides_for_all(monkeypatch, others):
    def least(tensor, op):
        assert op == 'min'
        tensor.clamp_(max=others)

    monkeypatch.setattr(precision, 'bfloat16_is_fast', lambda device: True)
    monkeypatch.setattr(precision, 'all_reduce', least)
    assert bfloat16_is_fast_everywhere() == bool(others)


BF16, FP32 = torch.bfloat16, torch.float32


@pytest.mark.parametrize('asked, fast, labels, step, validation', [
    ('auto', True, BF16, BF16, FP32),
    ('auto', False, FP32, FP32, FP32),
    ('bf16', False, BF16, BF16, BF16),
    ('fp32', True, FP32, FP32, FP32),
])
def test_formats_of_a_run(
        monkeypatch, toy, tmp_path, asked, fast, labels, step, validation):
    """One choice for the stages of a run; log and checkpoint name it."""
    monkeypatch.setattr(precision, 'bfloat16_is_fast', lambda device: fast)
    cfg = tiny_config(
        toy, train_cfg__max_epochs=1, work_dir=str(tmp_path),
        experiment_name=f'formats_{asked}_{fast}', precision=asked)
    cfg.train_dataloader.batch_sampler.iters_per_epoch = 1
    cfg.default_hooks.start.evaluate = False  # a validation, too
    runner = build_runner(cfg)
    seen = []
    runner.model.backbone.conv1.register_forward_hook(
        lambda layer, inputs, output: seen.append(
            (runner.model.training, output.dtype)))
    runner.train()
    when = [training for training, _ in seen].index(True)
    assert {dtype for _, dtype in seen[:when]} == {labels}
    assert seen[when] == (True, step)
    assert {dtype for _, dtype in seen[when + 1:]} == {validation}
    meta = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)['meta']
    name = 'bf16' if step == BF16 else 'fp32'
    assert meta['precision'] == name
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert f'The forward pass is computed in {name}' in log
