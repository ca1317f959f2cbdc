import numpy as np
import pytest
import yaml

from mmreidmix.apis import ReIDInferencer
from mmreidmix.apis.trackers import write_deepstream

pytest.importorskip('onnxscript')
onnxruntime = pytest.importorskip('onnxruntime')


def test_model_and_settings(checkpoint, tmp_path):
    """A crop of the size of the model: planes of RGB, 0 to 1."""
    graph, settings = write_deepstream(tmp_path / 'new', checkpoint)
    section = yaml.safe_load(settings.read_text())['ReID']
    channels, height, width = section['inferDims']
    assert (channels, height, width) == (3, 64, 32)
    crops = np.random.default_rng(0).integers(
        256, size=(3, height, width, 3), dtype=np.uint8)
    wanted = ReIDInferencer(checkpoint, device='cpu', amp=False)(list(crops))
    scale, offsets = section['netScaleFactor'], section['offsets']
    assert section['colorFormat'] == section['inputOrder'] == 0
    planes = scale * (crops.astype(np.float32) - np.float32(offsets))
    session = onnxruntime.InferenceSession(graph.parent / section['onnxFile'])
    rows, = session.run(None, dict(images=planes.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(rows, wanted, atol=1e-5)
    assert rows.shape[1] == section['reidFeatureSize']
    assert section['batchSize'] == 100
    with pytest.raises(ValueError, match='batch_size'):
        write_deepstream(tmp_path, checkpoint, batch_size=0)
