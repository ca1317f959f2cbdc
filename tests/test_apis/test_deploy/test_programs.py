"""Programs of torch.export."""

import runpy

import numpy as np
import pytest
import torch

from mmreidmix.apis import ReIDInferencer
from mmreidmix.apis.deploy.graph import InputForm
from mmreidmix.apis.deploy.program_file import ProgramEncoder, export_program
from mmreidmix.apis.trained_model import load_trained_model
from tests.test_apis.conftest import THRESHOLDS
from tests.tiny import TRAIN

TOOL = TRAIN.parent / 'export' / 'export_model.py'


def test_the_tool_writes_what_pytorch_alone_runs(checkpoint, pictures,
                                                 tmp_path, capsys):
    """Any number of images of any size, as the guide loads them."""
    main = runpy.run_path(str(TOOL))['main']
    out = tmp_path / 'model.pt2'
    assert not main([str(checkpoint), str(out), '--target', 'torch',
                     '--check', str(pictures[0].parent), '--num', '4'])
    printed = capsys.readouterr().out
    assert '4 pictures prepared: cosine to PyTorch 1.000000' in printed
    assert '4 pictures as they are: cosine to PyTorch' in printed
    embed = torch.export.load(str(out)).module()
    rng = np.random.default_rng(0)
    inferencer = ReIDInferencer(checkpoint, device='cpu', amp=False)
    for shape in ((1, 64, 32), (5, 64, 32)):
        images = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        found = embed(torch.from_numpy(images)).detach().numpy()
        np.testing.assert_allclose(found, inferencer(images), atol=1e-5)
    images = torch.zeros(2, 131, 80, 3, dtype=torch.uint8)
    np.testing.assert_allclose(
        embed(images).detach().norm(dim=1), 1, atol=1e-5)


@pytest.mark.parametrize('form', [
    dict(values='unit'), dict(values='normalised'),
    dict(values='uint8', layout='NCHW', batch=5)], ids=str)
def test_forms_of_the_images(checkpoint, pictures, form):
    content = export_program(
        load_trained_model(checkpoint), InputForm(**form))
    encoder = ProgramEncoder(content)
    inferencer = ReIDInferencer(checkpoint, device='cpu', amp=False)
    found = encoder([inferencer.prepare(path) for path in pictures])
    np.testing.assert_allclose(found, inferencer(pictures), atol=1e-5)
    assert encoder.description['thresholds'] == THRESHOLDS
    assert encoder.description['sha256'] == inferencer.sha256


def test_a_program_runs_only_when_it_is_asked_for(checkpoint, pictures,
                                                  tmp_path):
    """PyTorch may run code of it."""
    path = tmp_path / 'model.pt2'
    path.write_bytes(export_program(load_trained_model(checkpoint)))
    with pytest.raises(ValueError, match=(
            'model.pt2.* a program of torch.export, which could run code.*'
            "backend='torch.export'")):
        ReIDInferencer(path)
    found = ReIDInferencer(path, backend='torch.export')
    expected = ReIDInferencer(checkpoint, device='cpu', amp=False)
    np.testing.assert_allclose(found(pictures), expected(pictures), atol=1e-5)
    assert found.thresholds == THRESHOLDS and found.facts == expected.facts
    assert (found.sha256, found.precision) == (expected.sha256, 'fp32')


@pytest.mark.parametrize('name, options, message', [
    ('a.pt2', {}, 'a.pt2 can not be read as a program of torch.export'),
    ('a.pt2', dict(device='cuda'), "'torch.export' runs on the CPU here"),
    ('a.pth', {}, "'torch.export' runs .pt2 files, got .*a.pth"),
    ('a.onnx', {}, 'run by onnxruntime or openvino, not by torch.export'),
    ('a.pt2', dict(backend='openvino'), 'run by torch.export, not by openv')])
@pytest.mark.filterwarnings('ignore')
def test_what_is_no_program(tmp_path, name, options, message):
    path = tmp_path / name
    path.write_bytes(b'nothing')
    with pytest.raises(ValueError, match=message):
        ReIDInferencer(path, **{'backend': 'torch.export', **options})
