import re
import subprocess
import sys

import pytest
import torch
from mmengine.runner import CheckpointLoader

import mmreidmix.models  # noqa: F401
from mmreidmix.checkpoint_file import read_checkpoint
from tests.tiny import ROOT, TRAIN, environment, tiny_config

LFS = b'version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n'


def script(path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(path)


def broken_names(path):
    torch.save(dict(a=1), path)
    stem = path.stem.encode()
    data = path.read_bytes().replace(stem, b'\x80' + stem[1:])
    path.write_bytes(b'PK\0\0' + data[4:])


def cut(path):
    torch.save(dict(state_dict=dict(a=torch.ones(99))), path)
    path.write_bytes(path.read_bytes()[:-200])


def newer(path):
    """An archive says that it is encrypted, and of a later format."""
    torch.save(dict(a=1), path)
    data = bytearray(path.read_bytes())
    entry = data.index(b'PK\x01\x02')
    data[entry + 6], data[entry + 8] = 99, 1
    path.write_bytes(data)


KINDS = dict(
    empty=(lambda path: path.write_bytes(b''), 'it is empty; fetch it again'),
    page=(lambda path: path.write_bytes(b'\n<!DOCTYPE html><html>Sign in'),
          'it is a web page'),
    pointer=(lambda path: path.write_bytes(LFS), 'git lfs pull'),
    names=(broken_names, 'it is cut short or damaged'),
    cut=(cut, 'it is cut short or damaged'),
    newer=(newer, 'it is cut short or damaged'),
    module=(lambda path: torch.save(torch.nn.Linear(2, 2), path),
            'it holds objects of torch.nn.modules.linear.Linear, which could'),
    script=(script, 'it is a TorchScript archive'),
    text=(lambda path: path.write_bytes(b'epoch 3'), 'it is none, or damaged'),
    list=(lambda path: torch.save([1], path), 'holds a list, expected a chec'))


@pytest.fixture(params=KINDS)
def bad(request, tmp_path):
    make, fault = KINDS[request.param]
    path = tmp_path / 'bad.pth'
    make(path)
    return path, fault


@pytest.mark.parametrize('read', [
    read_checkpoint, CheckpointLoader.load_checkpoint],
    ids=['ours', 'mmengine'])
def test_the_fault_is_named(bad, read):
    path, fault = bad
    with pytest.raises(ValueError, match=re.escape(fault)) as error:
        read(str(path))
    assert str(path) in str(error.value)
    # torch's text, which advises to run what is in the file.
    assert 'weights_only' not in str(error.value)
    assert error.value.__cause__ is None


def test_what_is_no_file(tmp_path):
    for read in (read_checkpoint, CheckpointLoader.load_checkpoint):
        with pytest.raises(FileNotFoundError, match='expected a checkpoint'):
            read(str(tmp_path / 'gone.pth'))


def test_what_is_whole_is_read(tmp_path):
    torch.save(dict(state_dict=dict(a=torch.ones(2))), tmp_path / 'a.pth')
    for read in (read_checkpoint, CheckpointLoader.load_checkpoint):
        assert read(str(tmp_path / 'a.pth'))['state_dict']['a'].tolist() == [
            1, 1]


@pytest.mark.parametrize('door', ['load_from', 'resume', 'test', 'convert',
                                  'extract', 'export', 'calibrate'])
def test_every_door_names_it(door, toy, tmp_path):
    config, path = tmp_path / 'config.py', tmp_path / 'page.pth'
    tiny_config(toy).dump(config)
    KINDS['page'][0](path)
    work, tools = ('--work-dir', tmp_path / 'run'), ROOT / 'tools'
    words = dict(
        load_from=[TRAIN, config, *work, '--cfg-options', f'load_from={path}'],
        resume=[TRAIN, config, *work, '--resume', path],
        test=[tools / 'test.py', config, path, *work],
        convert=[tools / 'model_converters' / 'convert_weights.py', path,
                 tmp_path / 'out.pth'],
        extract=[tools / 'gallery' / 'extract.py', path, '--images',
                 toy / 'real_a', '--out', tmp_path / 'out.npz'],
        export=[tools / 'export' / 'export_model.py', path,
                tmp_path / 'out.onnx'],
        calibrate=[tools / 'analysis_tools' / 'calibrate.py', config, path,
                   *work])
    end = subprocess.run([sys.executable, *words[door]], env=environment(),
                         text=True, capture_output=True, check=False)
    assert end.returncode == 2, end.stderr[-2000:]
    assert f'{path} can not be read' in end.stderr
    assert 'it is a web page' in end.stderr
    assert 'Traceback' not in end.stderr
    assert 'weights_only' not in end.stderr
