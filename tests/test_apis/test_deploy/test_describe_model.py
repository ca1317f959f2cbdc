"""A model file says what it was trained on, whatever kind it is of."""

import json
import runpy

import pytest

from mmreidmix.apis import ReIDInferencer
from mmreidmix.apis.deploy.describe import describe_model
from tests.test_apis.conftest import THRESHOLDS
from tests.tiny import ROOT, tiny_config
from tests.tiny_checkpoint import write_checkpoint

SHEETS = dict(station=dict(
    source='own cameras', consent='signs', keep_until='2030-01-31'))


@pytest.fixture(scope='module')
def trained(toy, tmp_path_factory):
    """A checkpoint of a training on own data."""
    path = tmp_path_factory.mktemp('own') / 'epoch_3.pth'
    return write_checkpoint(path, tiny_config(toy), thresholds=THRESHOLDS,
                            datasheets=SHEETS)


@pytest.mark.parametrize('name, options', [
    ('epoch_3.pth', None), ('a.onnx', ()), ('a.xml', ('--target', 'openvino')),
    ('a.pt2', ('--target', 'torch'))])
def test_the_tool_shows_it(trained, tmp_path, capsys, name, options):
    path = trained
    if options is not None:
        path = tmp_path / name
        tool = runpy.run_path(str(ROOT / 'tools/export/export_model.py'))
        assert not tool['main']([str(trained), str(path), *options])
        capsys.readouterr()
    tool = runpy.run_path(str(ROOT / 'tools/analysis_tools/describe_model.py'))
    assert not tool['main']([str(path)])
    found = json.loads(capsys.readouterr().out)
    assert found['facts']['datasheets'] == SHEETS
    assert found['facts']['checkpoint'] == 'epoch_3.pth'
    assert found['thresholds'] == THRESHOLDS
    assert found['sha256'] == ReIDInferencer(trained).sha256
    assert found['pipeline'][1]['type'] == 'Resize'
    if name.endswith(('.pth', '.onnx', '.xml')):
        assert ReIDInferencer(path).facts['datasheets'] == SHEETS


@pytest.mark.parametrize('name, content, message', [
    ('a.pt2', b'no archive', 'can not be read as a program'),
    ('a.pt', b'nothing', 'can not be read as a checkpoint'),
    ('a.onnx', b'nothing', 'can not be read as an ONNX model'),
    ('folder/reid_config.json', b'{}', 'was not exported by'),
    ('folder/reid_config.json', b'[1]', 'can not be read as JSON'),
    ('folder/reid_config.json', b'{', 'json can not be read as JSON')])
def test_what_says_nothing(tmp_path, name, content, message):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        describe_model(path.parent if path.suffix == '.json' else path)


@pytest.mark.parametrize('name', ['a.pt2', 'a.onnx', 'a.pth', 'folder'])
def test_what_is_not_there(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=f'no file .*{name}'):
        describe_model(tmp_path / name)
