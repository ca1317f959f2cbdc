"""The converter, from the command line; the projects have their own tests."""

import hashlib
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmreidmix.models.backbones import OSNet
from tests.tiny import environment

TOOL = Path(__file__).parents[2] / 'tools/model_converters/convert_weights.py'


def convert(*words):
    runpy.run_path(str(TOOL))['main']([*map(str, words)])


def osnet_state():
    torch.manual_seed(0)
    state = OSNet(0.25).state_dict()
    state['fc.0.weight'] = torch.rand(512, 128)
    state['fc.0.bias'] = torch.rand(512)
    for name in ('weight', 'bias', 'running_mean', 'running_var'):
        state[f'fc.1.{name}'] = torch.rand(512)
    state['classifier.weight'] = torch.rand(4, 512)
    return state


@pytest.fixture
def torchreid_file(tmp_path):
    """A checkpoint as torchreid's engine writes it."""
    state = {f'module.{key}': v for key, v in osnet_state().items()}
    path = tmp_path / 'source.pth'
    torch.save(dict(state_dict=state, epoch=9, rank1=np.float64(0.5)), path)
    return path


def test_file_is_plain_and_names_its_source(torchreid_file, tmp_path, capsys):
    dst = tmp_path / 'new' / 'osnet.pth'
    convert(torchreid_file, dst)
    written = torch.load(dst, weights_only=True)
    meta, state = written['meta'], written['state_dict']
    assert meta['sha256'] == hashlib.sha256(
        torchreid_file.read_bytes()).hexdigest()
    assert (meta['source'], meta['architecture']) == (
        'torchreid', 'OSNet x0.25')
    assert meta['preprocessing']['input_size'] == (256, 128)
    assert meta['preprocessing']['interpolation'] == 'bilinear'
    assert 'scale=(' in meta['cfg'] and 'pillow' in meta['cfg']
    source = osnet_state()
    assert len(state) == len(source) - 1
    assert torch.equal(state['neck.fc.weight'], source['fc.0.weight'])
    assert torch.equal(state['backbone.conv5.conv.weight'],
                       source['conv5.conv.weight'])
    assert "dropped 1: 'classifier.weight'" in capsys.readouterr().out


def test_existing_file_is_not_overwritten(torchreid_file):
    before = torchreid_file.read_bytes()
    with pytest.raises(ValueError, match='exists'):
        convert(torchreid_file, torchreid_file)
    assert torchreid_file.read_bytes() == before


def refused(path, content, message, *options):
    """The tool says why, and writes nothing."""
    if content is not None:
        torch.save(content, path)
    out = path.with_name('refused.pth')
    with pytest.raises(ValueError, match=message) as error:
        convert(path, out, *options)
    assert not out.exists()
    return str(error.value)


def test_wrong_source_is_refused(torchreid_file):
    refused(torchreid_file, None, 'file of torchvision. Nearest is',
            '--from', 'torchvision')


def test_unknown_key_is_refused_with_the_nearest(tmp_path):
    state = osnet_state()
    state['conv5.bnn.weight'] = state.pop('conv5.bn.weight')
    refused(tmp_path / 'a.pth', state, 'missing: .*conv5.bn.weight.*left '
            'over: .*conv5.bnn.weight')
    state['convv5.bn.weight'] = state.pop('conv5.bnn.weight')
    refused(tmp_path / 'b.pth', state,
            r"1 of \d+ keys.*'convv5.bn.weight' \(like 'conv1.bn.weight'\?\)")


def test_shapes_of_no_network_are_refused(tmp_path):
    state = osnet_state()
    state['conv4.0.gate.fc1.bias'] = torch.zeros(3)
    refused(tmp_path / 'a.pth', state, 'another shape: .*conv4.0.gate.fc1.'
            r'bias \(3,\) and not \(2,\)')
    state = {key: v for key, v in osnet_state().items()
             if not key.startswith('conv4.1.')}
    refused(tmp_path / 'b.pth', state, 'missing: .*conv4.1')
    state = osnet_state()
    state['conv1.conv.weight'] = torch.zeros(20, 3, 7, 7)
    refused(tmp_path / 'c.pth', state, 'width must be one of')


def test_files_of_other_kinds_are_refused(tmp_path, torchreid_file):
    done = tmp_path / 'done.pth'
    convert(torchreid_file, done)
    refused(done, None, 'carries a config')
    refused(tmp_path / 'a.pth', dict(a=torch.ones(1)), 'no known project')
    refused(tmp_path / 'b.pth', osnet_state(), 'not those of a fast-reid '
            'file.*Without --from', '--from', 'fast-reid')
    for name in ('model.onnx', 'model.ONNX'):
        (tmp_path / name).write_bytes(b'\x08\x07')
        refused(tmp_path / name, None, 'ONNX model.*convert the checkpoint')


def test_two_networks_in_a_file_are_refused_without_prefix(tmp_path):
    state = {f'backbone.{key}': v for key, v in osnet_state().items()}
    state['base.conv1.weight'] = torch.ones(1)
    path = tmp_path / 'a.pth'
    refused(path, state, "not known there: 'base.conv1.weight'.*--prefix")
    convert(path, tmp_path / 'out.pth', '--prefix', 'backbone')


@pytest.mark.parametrize('dtype', [
    torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype, tmp_path):
    torch.save({key: v.to(dtype) for key, v in osnet_state().items()},
               tmp_path / 'a.pth')
    convert(tmp_path / 'a.pth', tmp_path / 'out.pth')
    state = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
    assert {value.dtype for value in state.values()} == {torch.float32}
    assert torch.equal(state['neck.fc.weight'],
                       osnet_state()['fc.0.weight'].to(dtype).float())


@pytest.mark.parametrize('entries, message', [
    ({}, 'it is empty'),
    ({'epoch': 3}, "not such: 'epoch'"),
    ({3: torch.ones(1)}, 'not such: 3'),
    ({'a': np.ones(1)}, "not such: 'a'"),
    ({'a': torch.eye(2).to_sparse()}, "not such: 'a'"),
    ({'a': torch.ones(1, dtype=torch.complex64)}, "not such: 'a'"),
    ({'a': torch.ones(1), 'b': None}, "not such: 'b'"),
])
@pytest.mark.parametrize('wrap', [False, True])
def test_what_is_no_state_dict_is_refused(entries, message, wrap, tmp_path):
    refused(tmp_path / 'a.pth', dict(model=entries) if wrap else entries,
            f'a.pth: expected a state dict.*{message}')


def test_whole_numbers_in_place_of_weights_are_refused(tmp_path):
    state = osnet_state()
    state['fc.0.weight'] = torch.ones(512, 128, dtype=torch.int8)
    refused(tmp_path / 'a.pth', state, 'another type: .neck.fc.weight '
            'torch.int8 and not torch.float32')


def test_a_weight_without_dimensions_is_named(tmp_path):
    state = osnet_state()
    state['conv1.conv.weight'] = torch.tensor(1.)
    refused(tmp_path / 'a.pth', state, r'conv1.conv.weight has the shape '
            r'\(\), expected 4')


def test_prefix(tmp_path):
    state = {f'net_a.{key}': v for key, v in osnet_state().items()}
    state['other.weight'] = torch.ones(1)
    path = tmp_path / 'a.pth'
    refused(path, state, 'no known project.*--prefix')
    refused(path, None, "no key begins with 'net_b.'.*'net_a', 'other'",
            '--prefix', 'net_b')
    convert(path, tmp_path / 'out.pth', '--prefix', 'net_a')
    assert 'backbone.conv1.conv.weight' in torch.load(
        tmp_path / 'out.pth')['state_dict']


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip('safetensors.torch')
    state, path = osnet_state(), tmp_path / 'model.safetensors'
    safetensors.save_file(state, path)
    convert(path, tmp_path / 'out.pth')
    found = torch.load(tmp_path / 'out.pth')['state_dict']
    assert torch.equal(found['neck.fc.weight'], state['fc.0.weight'])
    path.write_bytes(path.read_bytes()[:100])
    refused(path, None, 'model.safetensors can not be read as safetensors')


def test_safetensors_may_be_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'safetensors.torch', None)
    path = tmp_path / 'model.safetensors'
    path.touch()
    with pytest.raises(ModuleNotFoundError, match='pip install safetensors'):
        convert(path, tmp_path / 'out.pth')


def test_status(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(a=torch.ones(1)), path)
    end = subprocess.run(
        [sys.executable, TOOL, path, tmp_path / 'out.pth'],
        env=environment(), text=True, capture_output=True, check=False)
    assert end.returncode == 2 and not (tmp_path / 'out.pth').exists()
    assert 'no known project' in end.stderr
    assert 'Traceback' not in end.stderr
