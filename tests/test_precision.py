"""Tests of mmreidmix.precision."""

import pytest
import torch

from mmreidmix.precision import bfloat16_is_fast, current_precision


@pytest.mark.parametrize('found, fast', [
    (dict(architecture='x86_64', avx2=True), False),
    (dict(architecture='x86_64', avx512_bf16=False, amx_bf16=False), False),
    (dict(architecture='x86_64', avx512_bf16=True), True),
    (dict(architecture='x86_64', amx_bf16=True), True),
    (dict(architecture='arm64'), False),
    ({}, False),
])
def test_processors_are_told_by_their_instructions(monkeypatch, found, fast):
    monkeypatch.setattr(
        torch.cpu, 'get_capabilities', lambda: found, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: True)
    assert bfloat16_is_fast() == fast
    monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: False)
    assert not bfloat16_is_fast()


def test_without_a_list_of_instructions(monkeypatch):
    monkeypatch.delattr(torch.cpu, 'get_capabilities', raising=False)
    assert not bfloat16_is_fast()


@pytest.mark.parametrize('capability, fast', [
    ((7, 5), False), ((8, 0), True), ((8, 9), True), ((10, 0), True),
])
def test_gpus_are_told_by_their_generation(monkeypatch, capability, fast):
    asked = []
    monkeypatch.setattr(torch.cuda, 'get_device_capability',
                        lambda device: asked.append(device) or capability)
    assert bfloat16_is_fast('cuda:1') == fast
    assert asked == ['cuda:1']


def test_other_devices_are_not_known():
    assert not bfloat16_is_fast('mps')


def test_precision_is_that_of_autocast():
    assert current_precision() == 'fp32'
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert current_precision() == 'bf16'
        with torch.autocast('cpu', enabled=False):
            assert current_precision() == 'fp32'
