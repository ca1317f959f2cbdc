"""The converter, from the command line."""

import hashlib
import runpy
import sys
from pathlib import Path

import pytest
import torch

from mmreidmix.models.backbones import OSNet

TOOL = Path(__file__).parents[2] / 'tools/model_converters/convert_weights.py'


@pytest.fixture
def convert(monkeypatch):

    def run(src, dst, source, *options):
        argv = [str(TOOL), str(src), str(dst), '--from', source, *options]
        monkeypatch.setattr(sys, 'argv', argv)
        runpy.run_path(str(TOOL))['main']()

    return run


@pytest.fixture
def torchreid_file(tmp_path):
    """A checkpoint as torchreid's engine writes it."""
    torch.manual_seed(0)
    state = OSNet(0.25).state_dict()
    state['fc.0.weight'] = torch.rand(512, 128)
    state['classifier.weight'] = torch.rand(4, 512)
    state = {f'module.{key}': value for key, value in state.items()}
    path = tmp_path / 'source.pth'
    torch.save(dict(state_dict=state, epoch=9, rank1=0.5), path)
    return path


def test_file_is_plain_and_names_its_source(convert, torchreid_file, tmp_path,
                                            capsys):
    dst = tmp_path / 'new' / 'osnet.pth'
    convert(torchreid_file, dst, 'torchreid')
    written = torch.load(dst, weights_only=True)
    digest = hashlib.sha256(torchreid_file.read_bytes()).hexdigest()
    assert written['meta'] == dict(
        source='torchreid', sha256=digest,
        preprocessing=dict(input_size=(256, 128)))
    source = torch.load(torchreid_file)['state_dict']
    state = written['state_dict']
    assert len(state) == len(source) - 1
    assert torch.equal(state['neck.fc.weight'], source['module.fc.0.weight'])
    assert torch.equal(state['backbone.conv5.conv.weight'],
                       source['module.conv5.conv.weight'])
    assert '1 dropped: classifier.weight' in capsys.readouterr().out


@pytest.mark.parametrize('options, preprocessing', [
    ((), None),
    (('--input-size', '384', '128'), dict(input_size=(384, 128))),
])
def test_input_size_is_written_where_it_is_known(convert, tmp_path, options,
                                                 preprocessing):
    src, dst = tmp_path / 'resnet.pth', tmp_path / 'new.pth'
    torch.save({'conv1.weight': torch.ones(1)}, src)
    convert(src, dst, 'torchvision', *options)
    meta = torch.load(dst, weights_only=True)['meta']
    assert meta.get('preprocessing') == preprocessing


def test_existing_file_is_not_overwritten(convert, torchreid_file):
    before = torchreid_file.read_bytes()
    with pytest.raises(ValueError, match='exists'):
        convert(torchreid_file, torchreid_file, 'torchreid')
    assert torchreid_file.read_bytes() == before


def test_wrong_source_is_refused(convert, torchreid_file, tmp_path):
    with pytest.raises(ValueError, match='not those of a torchvision file'):
        convert(torchreid_file, tmp_path / 'new.pth', 'torchvision')
    assert not (tmp_path / 'new.pth').exists()
