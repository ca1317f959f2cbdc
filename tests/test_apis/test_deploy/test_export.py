"""Tests of mmreidmix.apis.deploy.export and tools/export/export_onnx.py."""

import runpy

import cv2
import numpy as np
import pytest

from mmreidmix.apis import ReIDInferencer
from mmreidmix.apis.deploy.export import export_onnx, pixels_to_embedding
from mmreidmix.apis.deploy.inference_backends import OnnxEncoder, _providers
from mmreidmix.apis.trained_model import load_trained_model
from tests.test_apis.conftest import THRESHOLDS
from tests.tiny import TRAIN, tiny_config
from tests.tiny_checkpoint import write_checkpoint

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
TOOL = TRAIN.parent / 'export' / 'export_onnx.py'


@pytest.fixture(scope='module')
def content(checkpoint):
    return export_onnx(load_trained_model(checkpoint))


@pytest.fixture(scope='module')
def exported(content, tmp_path_factory):
    path = tmp_path_factory.mktemp('onnx') / 'model.onnx'
    path.write_bytes(content)
    return path


def test_same_embeddings_as_pytorch(exported, checkpoint, pictures):
    expected = ReIDInferencer(checkpoint)
    found = ReIDInferencer(exported)
    for number in (1, 2, 12):
        np.testing.assert_allclose(
            found(pictures[:number]), expected(pictures[:number]), atol=1e-5)
    assert found.sha256 == expected.sha256
    assert found.thresholds == THRESHOLDS and found.facts == expected.facts
    direct = ReIDInferencer(checkpoint, backend='onnxruntime')
    np.testing.assert_array_equal(direct(pictures), found(pictures))


@pytest.mark.parametrize('size', [(64, 32), (50, 21), (131, 80), (1, 1)])
def test_pixels_are_prepared_inside_the_graph(content, checkpoint, size):
    """Any batch, height and width; close to OpenCV's resizing."""
    images = np.random.default_rng(0).integers(
        0, 256, (3, *size, 3), dtype=np.uint8)
    images = np.stack([cv2.blur(image, (9, 9)) for image in images])
    session = OnnxEncoder(content).session
    found, = session.run(None, dict(images=images))
    expected = ReIDInferencer(checkpoint)(images)
    assert (found * expected).sum(1).min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize('interpolation', ['bilinear', 'bicubic'])
def test_resizing_is_that_of_opencv_within_one_level(
        toy, tmp_path, interpolation):
    cfg = tiny_config(toy)
    cfg.test_dataloader.dataset.pipeline[1].interpolation = interpolation
    path = write_checkpoint(tmp_path / 'x.pth', cfg)
    module = pixels_to_embedding(load_trained_model(path))
    seen = []
    module.model.embed = lambda pixels: seen.append(pixels) or pixels
    image = np.random.default_rng(1).integers(
        0, 256, (97, 41, 3), dtype=np.uint8)
    import torch
    module(torch.from_numpy(image)[None])
    pixels = seen[0] * module.std + module.mean
    expected = ReIDInferencer(path).prepare(image)[..., ::-1]
    found = pixels[0].permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() <= 1 + 1e-3


def test_pipelines_that_can_not_be_exported(toy, tmp_path):
    cfg = tiny_config(toy)
    cfg.test_dataloader.dataset.pipeline.insert(
        2, dict(type='RandomFlip', prob=0.5))
    path = write_checkpoint(tmp_path / 'x.pth', cfg)
    with pytest.raises(ValueError, match='exported with its preparation'):
        export_onnx(load_trained_model(path))


def test_files_of_others(exported, tmp_path):
    import onnx
    path = tmp_path / 'x.onnx'
    path.write_bytes(b'no graph')
    with pytest.raises(ValueError, match='x.onnx can not be read'):
        ReIDInferencer(path)
    graph = onnx.load(exported)
    del graph.metadata_props[:]
    onnx.save(graph, path)
    with pytest.raises(ValueError, match='was not exported by'):
        ReIDInferencer(path)


def test_tool_checks_and_quantizes(checkpoint, toy, pictures, tmp_path,
                                   capsys):
    main = runpy.run_path(str(TOOL))['main']
    out, small = tmp_path / 'model.onnx', tmp_path / 'int8.onnx'
    main([str(checkpoint), str(out), '--check',
          str(pictures[0].parent), '--num', '8', '--int8', str(small)])
    printed = capsys.readouterr().out
    assert '8 pictures: largest difference to PyTorch' in printed
    assert small.stat().st_size < 0.6 * out.stat().st_size
    whole, quantized = ReIDInferencer(out), ReIDInferencer(small)
    assert (quantized(pictures) * whole(pictures)).sum(1).mean() > 0.9
    assert quantized.facts['quantized_from'] == whole.sha256
    assert quantized.sha256 != whole.sha256
    assert quantized.thresholds['domain'] == (
        'toy before the model was quantized')
    with pytest.raises(SystemExit):
        main([str(checkpoint), str(tmp_path / 'model.pt')])


def test_tool_writes_no_model_that_differs(checkpoint, pictures, tmp_path,
                                           monkeypatch, capsys):
    """As after a wrong order of colours, in the graph and in its reference."""
    main = runpy.run_path(str(TOOL))['main']

    def turned(trained):
        module = pixels_to_embedding(trained)
        module.to_bgr = not module.to_bgr
        return module

    monkeypatch.setattr('mmreidmix.apis.deploy.export.pixels_to_embedding',
                        turned)
    out = tmp_path / 'model.onnx'
    assert main([str(checkpoint), str(out), '--check',
                 str(pictures[0].parent), '--num', '2']) == 2
    assert 'differs from PyTorch by' in capsys.readouterr().err
    assert not out.exists()


def test_real_crops_as_in_pytorch(content, checkpoint, realdata, tmp_path):
    tool = runpy.run_path(str(TOOL))
    pictures = tool['sample'](realdata / 'market1501', 64)
    text = tool['check'](content, load_trained_model(checkpoint),
                         ReIDInferencer(checkpoint), pictures)
    assert text.startswith('64 pictures')


@pytest.mark.parametrize('device, available, expected', [
    (None, ['CPU'], ['CPU']),
    (None, ['CUDA', 'CPU'], [('CUDA', 0), 'CPU']),
    ('cpu', ['CUDA', 'CPU'], ['CPU']),
    ('cuda:1', ['CUDA', 'CPU'], [('CUDA', 1), 'CPU']),
])
def test_providers_of_a_device(device, available, expected):
    def full(name):
        return f'{name}ExecutionProvider'

    found = _providers([full(name) for name in available], device)
    assert found == [
        full(own) if isinstance(own, str) else
        (full(own[0]), dict(device_id=own[1])) for own in expected]


def test_devices_that_are_not_there():
    with pytest.raises(ValueError, match='install onnxruntime-gpu'):
        _providers(['CPUExecutionProvider'], 'cuda')
    with pytest.raises(ValueError, match="must be 'cpu', 'cuda' or"):
        _providers(['CPUExecutionProvider'], 'tpu')


def test_an_export_is_made_on_the_cpu(checkpoint, pictures, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    found = ReIDInferencer(checkpoint, backend='onnxruntime')
    assert found(pictures[:1]).shape[0] == 1
