"""Weights under torchreid's names, and the programs that rebuild the network.

BoxMOT, Roboflow's reid and Ultralytics are not among the dependencies; their
tests are skipped where they are missing.
"""

import runpy

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmreidmix.apis import ReIDInferencer
from mmreidmix.apis.deploy.describe import describe_model
from mmreidmix.apis.deploy.torchreid_weights import (
    boxmot_file,
    embed_as_torchreid,
    roboflow_files,
    torchreid_weights,
)
from mmreidmix.apis.trained_model import load_trained_model
from tests.test_public_weights.public_file import (
    convert,
    expected,
    pixels,
    randomise,
)
from tests.test_public_weights.test_torchreid import OSNet
from tests.tiny import TRAIN
from tests.tiny_checkpoint import write_checkpoint

TOOL = TRAIN.parent / 'export' / 'export_model.py'
PADDED = 16  # pixels around each picture of a frame


def converted(folder, width=0.25, kind=''):
    """A network as torchreid has it, and a checkpoint of it."""
    source = randomise(OSNet(width, kind))
    path = convert(folder / 'source.pth', dict(state_dict=source.state_dict()),
                   '--input-size', 64, 32)
    return source, path


@pytest.fixture(scope='module')
def osnet(tmp_path_factory):
    return converted(tmp_path_factory.mktemp('osnet'))[1]


@pytest.fixture(scope='module')
def wanted(osnet):
    """Embeddings of :func:`pixels`."""
    return ReIDInferencer(osnet, device='cpu', amp=False)(list(pixels()))


def of_config(osnet, tmp_path, **changes):
    """A model with other parts than those of torchreid."""
    cfg = Config.fromstring(
        torch.load(osnet, weights_only=True)['meta']['cfg'], '.py')
    cfg.merge_from_dict(changes)
    return load_trained_model(write_checkpoint(tmp_path / 'x.pth', cfg))


@pytest.mark.parametrize('width, kind, name', [
    (0.25, '', 'osnet_x0_25'), (0.5, '', 'osnet_x0_5'),
    (0.75, '', 'osnet_x0_75'), (1.0, '', 'osnet_x1_0'),
    (1.0, 'ibn', 'osnet_ibn_x1_0'), (1.0, 'ain', 'osnet_ain_x1_0'),
    (0.25, 'ain', 'osnet_ain_x0_25')])
def test_there_and_back(tmp_path, width, kind, name):
    """Every weight returns as it was, and the network embeds as ours does."""
    source, path = converted(tmp_path, width, kind)
    found, state = torchreid_weights(load_trained_model(path))
    assert found == name
    original = {key: value for key, value in source.state_dict().items()
                if not key.startswith('classifier')}
    assert {*state} == {*original}
    assert all(torch.equal(state[key], original[key]) for key in state)
    again = randomise(OSNet(width, kind), seed=1)
    again.load_state_dict(state, strict=False)
    np.testing.assert_allclose(
        expected(again, pixels()),
        ReIDInferencer(path, device='cpu', amp=False)(list(pixels())),
        atol=1e-5)


def test_file_of_boxmot_can_be_read_without_running_it(osnet, tmp_path):
    name, content = boxmot_file(load_trained_model(osnet))
    (tmp_path / 'a.pt').write_bytes(content)
    found = torch.load(tmp_path / 'a.pt', weights_only=True)
    assert found['model_name'] == name == 'osnet_x0_25'
    assert found['model_kwargs'] == dict(img_size=[64, 32])
    assert describe_model(tmp_path / 'a.pt')['sha256'] == (
        load_trained_model(osnet).sha256)


def test_a_scale_is_taken_into_the_norm_before(osnet, tmp_path):
    trained = load_trained_model(osnet)
    bn = trained.model.bnneck.bn
    bn.weight.data.uniform_(0.3, 2)
    bn.running_var.uniform_(0.5, 2)
    images = [image[..., ::-1] for image in pixels()]
    found = embed_as_torchreid(trained, images)
    with torch.no_grad():
        planes = [torch.from_numpy(np.moveaxis(image, -1, 0).copy())
                  for image in images]
        rows = trained.model.embed(trained.model.data_preprocessor(
            dict(inputs=planes))['inputs']).numpy()
    np.testing.assert_allclose(found, rows, atol=1e-5)
    bn.weight.data[3] = -1
    with pytest.raises(ValueError, match='the BNNeck is trained'):
        torchreid_weights(trained)


@pytest.mark.parametrize('key', ['running_mean', 'bias'])
def test_a_shift_behind_the_relu_has_no_name(osnet, key):
    trained = load_trained_model(osnet)
    getattr(trained.model.bnneck.bn, key).data[7] = 1e-3
    with pytest.raises(ValueError, match=(
            'the BNNeck is trained.*an .onnx file with --target boxmot')):
        torchreid_weights(trained)


@pytest.mark.parametrize('changes, message', [
    ({'model.neck.out_channels': 256, 'model.bnneck.in_channels': 256},
     'embedding layer of 512'),
    ({'model.neck.act_cfg': None}, 'embedding layer of 512'),
    ({'model.data_preprocessor.mean': [127.5] * 3}, 'other statistics'),
    ({'model.backbone': dict(_delete_=True, type='mmpretrain.ResNet',
                             depth=18),
      'model.neck.in_channels': 512}, 'no OSNet'),
])
def test_what_has_no_name(osnet, tmp_path, changes, message):
    with pytest.raises(ValueError, match=f'{message}.*--target boxmot'):
        torchreid_weights(of_config(osnet, tmp_path, **changes))


def test_the_tool_refuses_and_writes_nothing(checkpoint, tmp_path, capsys):
    main = runpy.run_path(str(TOOL))['main']
    out = tmp_path / 'a.pt'
    assert main([str(checkpoint), str(out), '--target', 'boxmot']) == 2
    assert 'the network is no OSNet' in capsys.readouterr().err
    assert not out.exists()


def frame_of(images):
    """A BGR frame with pictures beside each other, and their boxes."""
    parts, boxes, left = [], [], 0
    for image in images:
        part = np.pad(image, [(PADDED, PADDED)] * 2 + [(0, 0)])
        top, side = PADDED, left + PADDED
        boxes.append([side, top, side + image.shape[1], top + image.shape[0]])
        left += part.shape[1]
        parts.append(part[..., ::-1])
    return np.ascontiguousarray(np.hstack(parts)), np.array(boxes, float)


@pytest.fixture
def boxmot_reid(monkeypatch):
    """``ReID`` of BoxMOT, which would install its own ONNX Runtime."""
    runtime = pytest.importorskip('boxmot.reid.core.runtime')
    monkeypatch.setattr(
        'boxmot.utils.checks.RequirementsChecker.check_packages',
        lambda *args, **options: None)
    return runtime.ReID


@pytest.fixture
def ultralytics_reid(monkeypatch, tmp_path):
    """``ReID`` of Ultralytics, which would install what it misses."""
    monkeypatch.setenv('YOLO_CONFIG_DIR', str(tmp_path))
    module = pytest.importorskip('ultralytics.trackers.utils.reid')
    monkeypatch.setattr('ultralytics.utils.checks.AUTOINSTALL', False)
    return module.ReID


@pytest.mark.parametrize('name', ['mine.pt', 'mine.onnx', 'tiny.onnx'])
def test_boxmot(boxmot_reid, osnet, checkpoint, wanted, tmp_path, name):
    """Its own backend, on pictures that it need not resize."""
    model = checkpoint if name == 'tiny.onnx' else osnet
    main = runpy.run_path(str(TOOL))['main']
    assert not main([str(model), str(tmp_path / name), '--target', 'boxmot'])
    reid = boxmot_reid(tmp_path / name)
    assert tuple(reid.model.input_shape) == (64, 32)
    frame, boxes = frame_of(pixels())
    rows = ReIDInferencer(model, device='cpu', amp=False)(list(pixels()))
    np.testing.assert_allclose(
        reid.model.get_features(boxes, frame), rows, atol=1e-5)
    if name == 'mine.pt':
        np.testing.assert_allclose(rows, wanted, atol=1e-6)


def test_boxmot_resizes_in_its_own_way(boxmot_reid, osnet, pictures,
                                       tmp_path):
    """By OpenCV, without a mean over what falls together."""
    _, content = boxmot_file(load_trained_model(osnet))
    (tmp_path / 'a.pt').write_bytes(content)
    images = [cv2.imread(str(path))[..., ::-1] for path in pictures[:4]]
    images = [cv2.resize(image, (48, 128)) for image in images]
    frame, boxes = frame_of(images)
    found = boxmot_reid(tmp_path / 'a.pt').model.get_features(boxes, frame)
    inferencer = ReIDInferencer(osnet, device='cpu', amp=False)
    theirs = inferencer([cv2.resize(image, (32, 64)) for image in images])
    np.testing.assert_allclose(found, theirs, atol=1e-5)
    assert (found * inferencer(images)).sum(1).min() > 0.95


def test_boxmot_with_other_statistics(boxmot_reid, osnet, tmp_path):
    """It normalises by ImageNet's; the graph turns that into the model's."""
    path = tmp_path / 'x.pth'
    of_config(osnet, tmp_path, **{
        'model.data_preprocessor.mean': [127.5, 120., 100.],
        'model.data_preprocessor.std': [127.5, 127.5, 60.]})
    main = runpy.run_path(str(TOOL))['main']
    out = tmp_path / 'x.onnx'
    assert not main([str(path), str(out), '--target', 'boxmot'])
    frame, boxes = frame_of(pixels())
    np.testing.assert_allclose(
        boxmot_reid(out).model.get_features(boxes, frame),
        ReIDInferencer(path, device='cpu', amp=False)(list(pixels())),
        atol=1e-5)


@pytest.mark.filterwarnings('error:.*load from')
def test_roboflow(osnet, pictures, tmp_path):
    pytest.importorskip('safetensors')
    reid = pytest.importorskip('reid')
    main = runpy.run_path(str(TOOL))['main']
    out = tmp_path / 'model'
    assert not main([str(osnet), str(out), '--target', 'roboflow'])
    model = reid.ReIDModel.from_pretrained(str(out), device='cpu')
    assert model.preprocessing.input_size == (64, 32)
    rows = model.extract_embeddings_from_paths([str(p) for p in pictures])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(
        rows, ReIDInferencer(osnet, device='cpu', amp=False)(pictures),
        atol=1e-5)
    assert describe_model(out)['facts']['checkpoint'] == osnet.name


def test_roboflow_knows_no_instance_norm(tmp_path):
    pytest.importorskip('safetensors')
    _, path = converted(tmp_path, 0.25, 'ain')
    with pytest.raises(ValueError, match='Roboflow knows no osnet_ain_x0_25'):
        roboflow_files(load_trained_model(path))


@pytest.mark.parametrize('options', [
    (), ('--batch-size', '2'), ('--size', '96', '96'), ('--fp16', )],
    ids=' '.join)
def test_ultralytics(ultralytics_reid, checkpoint, tmp_path, monkeypatch,
                     options):
    """The file of BoT-SORT's `model`: all boxes of a frame at once."""
    main = runpy.run_path(str(TOOL))['main']
    out = tmp_path / 'model.onnx'
    assert not main([str(checkpoint), str(out), '--target', 'ultralytics',
                     *options])
    encoder = ultralytics_reid(str(out), device='cpu')
    batches = []
    session = encoder.model.session
    monkeypatch.setattr(
        encoder.model.backend, 'session', Counting(session, batches))
    frame, boxes = frame_of(pixels())
    centred = np.hstack([(boxes[:, :2] + boxes[:, 2:]) / 2,
                         boxes[:, 2:] - boxes[:, :2]]).astype(np.float32)
    found = np.stack(encoder(frame, centred))
    assert batches == ([2, 2] if '--batch-size' in options else [3])
    # It enlarges boxes, and resizes the crops without antialiasing.
    crops = encoder._crop_detections(frame, centred)
    size = (96, 96) if '--size' in options else (64, 32)
    resized = [torch.nn.functional.interpolate(
        torch.from_numpy(crop[..., ::-1].transpose(2, 0, 1).copy())[None] / 1.,
        size, mode='bilinear')[0].permute(1, 2, 0).round().byte().numpy()
        for crop in crops]
    rows = ReIDInferencer(checkpoint, device='cpu', amp=False)(resized)
    assert (found * rows).sum(1).min() > (
        0.999 if '--size' not in options else 0.99)


class Counting:
    """A session that notes how many images it is given."""

    def __init__(self, session, batches):
        self.get_inputs = session.get_inputs
        self._run, self._batches = session.run, batches

    def run(self, names, inputs):
        self._batches.append(len(inputs['images']))
        return self._run(names, inputs)
