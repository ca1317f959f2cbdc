"""Tests of mmreidmix.apis.deploy and tools/export/export_model.py."""

import runpy

import cv2
import numpy as np
import pytest

from mmreidmix.apis import ReIDInferencer
from mmreidmix.apis.deploy.check import check_graph, sample
from mmreidmix.apis.deploy.graph import InputForm, PixelsToEmbedding
from mmreidmix.apis.deploy.inference_backends import OnnxEncoder, _providers
from mmreidmix.apis.deploy.onnx_file import export_onnx
from mmreidmix.apis.images import Preparation
from mmreidmix.apis.trained_model import load_trained_model
from tests.test_apis.conftest import THRESHOLDS
from tests.tiny import TRAIN, tiny_config
from tests.tiny_checkpoint import write_checkpoint

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
TOOL = TRAIN.parent / 'export' / 'export_model.py'


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
@pytest.mark.parametrize('backend', ['cv2', 'pillow'])
@pytest.mark.parametrize('size', [(97, 41), (400, 170)])
def test_resizing_is_that_of_the_pipeline(toy, tmp_path, interpolation,
                                          backend, size):
    """In PyTorch and in ONNX Runtime; Pillow rounds between its two steps."""
    cfg = tiny_config(toy)
    cfg.test_dataloader.dataset.pipeline[1].update(
        interpolation=interpolation, backend=backend)
    trained = load_trained_model(write_checkpoint(tmp_path / 'x.pth', cfg))
    trained.model.embed = lambda pixels: pixels
    module = PixelsToEmbedding(trained, InputForm())
    image = np.random.default_rng(1).integers(
        0, 256, (*size, 3), dtype=np.uint8)
    image = cv2.blur(image, (3, 3))  # Pillow clips between its two steps
    import torch
    pixels = module(torch.from_numpy(image)[None]) * module.std + module.mean
    found = pixels[0].permute(1, 2, 0).numpy()
    expected = Preparation(trained.pipeline)(image)[..., ::-1]
    most = 1 if backend == 'cv2' else 2
    assert np.abs(found - expected).max() <= most + 1e-3
    content = export_onnx(trained)
    exported, = OnnxEncoder(content).session.run(
        None, dict(images=image[None]))
    exported = torch.from_numpy(exported) * module.std + module.mean
    assert (exported - pixels).abs().max() <= 1 + 1e-3


FORMS = [
    dict(values='unit'), dict(values='normalised'),
    dict(values='unit', size=(96, 96)), dict(values='uint8', layout='NCHW'),
    dict(values='unit', layout='NHWC', batch=5), dict(batch=1),
    dict(values='uint8', size=(64, 32)),
]


@pytest.mark.parametrize('form', FORMS, ids=str)
@pytest.mark.parametrize('backend', ['onnxruntime', 'openvino'])
def test_forms_of_the_images(checkpoint, pictures, tmp_path, form, backend):
    """A file says how it is to be fed, and gives the same embeddings."""
    pytest.importorskip(backend)
    path = tmp_path / 'form.onnx'
    path.write_bytes(export_onnx(
        load_trained_model(checkpoint), InputForm(**form)))
    found = ReIDInferencer(path, backend=backend)(pictures)
    expected = ReIDInferencer(checkpoint, amp=False)(pictures)
    if form.get('size') == (96, 96):  # enlarged, then shrunk in the graph
        assert (found * expected).sum(1).min() > 0.99
    else:
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.shape == expected.shape


def test_input_is_what_other_programs_feed(checkpoint, pictures):
    """By hand: RGB planes, by 255, minus the mean by the deviation."""
    content = export_onnx(
        load_trained_model(checkpoint), InputForm('normalised'))
    encoder = OnnxEncoder(content)
    form = encoder.description['input']
    assert form['colour'] == 'RGB' and form['size'] == [64, 32]
    np.testing.assert_allclose(form['mean'], [123.675, 116.28, 103.53])
    np.testing.assert_allclose(form['std'], [58.395, 57.12, 57.375])
    inferencer = ReIDInferencer(checkpoint, amp=False)
    image = inferencer.prepare(pictures[0])[..., ::-1]
    planes = ((image - np.array(form['mean'])) / form['std']).transpose(
        2, 0, 1)[None].astype(np.float32)
    row, = encoder.session.run(None, dict(images=planes))
    np.testing.assert_allclose(row, inferencer(pictures[:1]), atol=1e-5)


@pytest.mark.parametrize('values', ['uint8', 'unit'])
def test_16_bits(checkpoint, pictures, tmp_path, values):
    path = tmp_path / 'half.onnx'
    path.write_bytes(export_onnx(
        load_trained_model(checkpoint), InputForm(values), fp16=True))
    half = ReIDInferencer(path)
    rows = half(pictures)
    expected = ReIDInferencer(checkpoint, amp=False)(pictures)
    assert half.precision == 'fp16' and rows.dtype == np.float32
    assert (rows * expected).sum(1).min() > 0.999
    assert np.abs(rows - expected).max() > 0
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)


def test_antialiasing_needs_its_opset(toy, tmp_path):
    cfg = tiny_config(toy)
    cfg.test_dataloader.dataset.pipeline[1].backend = 'pillow'
    trained = load_trained_model(write_checkpoint(tmp_path / 'x.pth', cfg))
    with pytest.raises(ValueError, match='opset 17 has no antialiased'):
        export_onnx(trained, opset=17)
    assert export_onnx(trained, InputForm('unit'), opset=17)


def test_openvino_files(checkpoint, pictures, tmp_path):
    pytest.importorskip('openvino')
    out = tmp_path / 'model.xml'
    main = runpy.run_path(str(TOOL))['main']
    assert not main([str(checkpoint), str(out), '--target', 'openvino',
                     '--check', str(pictures[0].parent), '--num', '4'])
    found, expected = ReIDInferencer(out), ReIDInferencer(
        checkpoint, amp=False)
    np.testing.assert_allclose(found(pictures), expected(pictures), atol=1e-5)
    assert found.sha256 == expected.sha256
    assert found.thresholds == THRESHOLDS
    with pytest.raises(ValueError, match='runs on the CPU here'):
        ReIDInferencer(out, device='cuda')
    out.write_text('no network')
    with pytest.raises(ValueError, match='model.xml can not be read'):
        ReIDInferencer(out)


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
    assert '8 pictures prepared: cosine to PyTorch 1.000000' in printed
    assert '8 pictures as they are: cosine to PyTorch' in printed
    assert small.stat().st_size < 0.6 * out.stat().st_size
    whole, quantized = ReIDInferencer(out), ReIDInferencer(small)
    assert (quantized(pictures) * whole(pictures)).sum(1).min() > 0.99
    assert quantized.facts['quantized_from'] == whole.sha256
    assert quantized.sha256 != whole.sha256
    assert quantized.thresholds['domain'] == (
        'toy before the model was quantized')
    with pytest.raises(SystemExit):
        main([str(checkpoint), str(tmp_path / 'model.pt')])


def test_tool_writes_no_model_that_differs(checkpoint, pictures, tmp_path,
                                           monkeypatch, capsys):
    """As after a wrong order of colours."""
    main = runpy.run_path(str(TOOL))['main']

    forward = PixelsToEmbedding.forward
    monkeypatch.setattr(
        PixelsToEmbedding, 'forward',
        lambda self, images: forward(self, images.flip(-1)))
    out = tmp_path / 'model.onnx'
    assert main([str(checkpoint), str(out), '--check',
                 str(pictures[0].parent), '--num', '2']) == 2
    assert ('the exported model differs from PyTorch: 2 pictures'
            in capsys.readouterr().err)
    assert not out.exists()


def test_real_crops_as_in_pytorch(content, checkpoint, realdata):
    pictures = sample(realdata / 'market1501', 64)
    text = check_graph(
        OnnxEncoder(content), ReIDInferencer(checkpoint), pictures)
    assert text.startswith('64 pictures prepared')


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
