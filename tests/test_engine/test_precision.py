"""Tests of mmreidmix.engine.precision."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from mmreidmix.engine import LabellingHook, precision
from mmreidmix.engine.precision import avoid_emulated_bf16, bf16_is_emulated
from mmreidmix.registry import HOOKS


@pytest.mark.parametrize('found, emulated', [
    (dict(architecture='x86_64', avx2=True), True),
    (dict(architecture='x86_64', avx512_bf16=False, amx_bf16=False), True),
    (dict(architecture='x86_64', avx512_bf16=True), False),
    (dict(architecture='x86_64', amx_bf16=True), False),
    (dict(architecture='aarch64'), False),
    ({}, False),
])
def test_emulation_is_told_by_the_instructions(monkeypatch, found, emulated):
    monkeypatch.setattr(
        torch.cpu, 'get_capabilities', lambda: found, raising=False)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert bf16_is_emulated() == emulated
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert not bf16_is_emulated()


def config(**changes):
    cfg = dict(
        optim_wrapper=dict(type='Bf16OptimWrapper', optimizer=dict(lr=1)),
        default_hooks=dict(pseudo_labels=dict(type='PseudoLabelHook')))
    return Config({**cfg, **changes})


@pytest.mark.parametrize('emulated', [True, False])
def test_float32_takes_the_place_of_emulation(monkeypatch, log, emulated):
    monkeypatch.setattr(precision, 'bf16_is_emulated', lambda: emulated)
    cfg = config()
    avoid_emulated_bf16(cfg)
    kind = cfg.optim_wrapper.type
    assert kind == ('OptimWrapper' if emulated else 'Bf16OptimWrapper')
    assert cfg.optim_wrapper.optimizer.lr == 1
    assert cfg.default_hooks.pseudo_labels.get('bf16', True) != emulated
    assert ('no bfloat16 instructions' in log.text) == emulated


@pytest.mark.parametrize('changes', [
    dict(optim_wrapper=dict(type='OptimWrapper')),
    dict(optim_wrapper=None),
    dict(optim_wrapper=dict(type='AmpOptimWrapper')),
])
def test_other_precision_stays(monkeypatch, changes):
    monkeypatch.setattr(precision, 'bf16_is_emulated', lambda: True)
    cfg = config(**changes)
    before = cfg.to_dict()
    avoid_emulated_bf16(cfg)
    assert cfg.to_dict() == before


@HOOKS.register_module(force=True)
class OwnHook(Hook):
    def __init__(self, pipeline=()):
        pass


@HOOKS.register_module(force=True)
class OwnLabellingHook(LabellingHook):
    def __init__(self, choice, **kwargs):
        super().__init__(**kwargs)


@pytest.mark.parametrize('kind', ['OwnHook', 'NotRegisteredYet', OwnHook])
def test_hooks_of_others_are_given_no_option(monkeypatch, kind):
    monkeypatch.setattr(precision, 'bf16_is_emulated', lambda: True)
    hooks = dict(pseudo_labels=dict(type=kind))
    cfg = config(default_hooks=hooks)
    avoid_emulated_bf16(cfg)
    assert cfg.default_hooks.to_dict() == hooks
    assert cfg.optim_wrapper.type == 'OptimWrapper'


@pytest.mark.parametrize('kind', ['ReMixHook', 'OwnLabellingHook'])
def test_hooks_that_have_the_option_are_given_it(monkeypatch, kind):
    """Also where it is one of the base class."""
    monkeypatch.setattr(precision, 'bf16_is_emulated', lambda: True)
    cfg = config(default_hooks=dict(pseudo_labels=dict(type=kind)))
    avoid_emulated_bf16(cfg)
    assert cfg.default_hooks.pseudo_labels.bf16 is False


@pytest.mark.parametrize('hooks', [{}, None, dict(pseudo_labels=None)])
def test_training_without_pseudo_labels(monkeypatch, hooks):
    monkeypatch.setattr(precision, 'bf16_is_emulated', lambda: True)
    cfg = config(default_hooks=hooks)
    avoid_emulated_bf16(cfg)
    assert cfg.default_hooks == hooks
    assert cfg.optim_wrapper.type == 'OptimWrapper'
