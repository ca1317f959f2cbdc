"""A model for the tracker of NVIDIA DeepStream, with its settings."""

from pathlib import Path
from typing import Union

import numpy as np

from mmreidmix.apis.deploy.graph import InputForm
from mmreidmix.apis.deploy.inference_backends import OnnxEncoder
from mmreidmix.apis.deploy.onnx_file import export_onnx
from mmreidmix.apis.trained_model import load_trained_model
from mmreidmix.checks import check_count
from mmreidmix.files import replace_file

#: The section of a settings file of NvMultiObjectTracker. The tracker has one
#: scale for all three colours, so normalisation is inside the model.
_SETTINGS = '''\
ReID:
  reidType: 2            # re-association; 1: NvDeepSORT, 3: both
  batchSize: {batch_size}
  reidFeatureSize: {dim}
  reidHistorySize: 100
  inferDims: [3, {height}, {width}]
  networkMode: 0         # float32; 1: float16
  inputOrder: 0          # NCHW
  colorFormat: 0         # RGB
  netScaleFactor: 0.00392156862745098  # from 0 to 1
  offsets: [0.0, 0.0, 0.0]
  keepAspc: 0            # resize, no padding
  addFeatureNormalization: 0  # embeddings have unit length
  onnxFile: "{name}"
'''


def write_deepstream(folder: Union[str, Path], model: Union[str, Path],
                     weights: Union[str, Path, None] = None,
                     batch_size: int = 100) -> tuple[Path, Path]:
    """Write ``reid.onnx`` and ``reid.yml``.

    The graph takes ``images`` (B, 3, H, W), float32, RGB, 0 to 1, of the
    size of the model, and gives ``embeddings`` (B, D) of unit length. Copy the
    section of the settings into those of your tracker.

    Args:
        folder (str | Path): where to.
        model (str | Path): see :func:`load_trained_model`.
        weights (str | Path, optional): likewise.
        batch_size (int): boxes at once.

    Returns:
        tuple[Path, Path]: the graph, the settings.

    Raises:
        ModuleNotFoundError: onnx is missing.
        ValueError: see :func:`export_onnx`.

    Source: the documentation of Gst-nvtracker, DeepStream 9.2.
    """
    check_count('write_deepstream', 1, batch_size=batch_size)
    content = export_onnx(
        load_trained_model(model, weights), InputForm('unit'))
    encoder = OnnxEncoder(content, device='cpu')
    height, width = encoder.description['input']['size']
    dim = encoder([np.zeros((height, width, 3), np.uint8)]).shape[1]
    graph, settings = Path(folder, 'reid.onnx'), Path(folder, 'reid.yml')
    text = _SETTINGS.format(batch_size=batch_size, dim=dim, height=height,
                            width=width, name=graph.name)
    replace_file(graph, lambda stream: stream.write(content))
    replace_file(settings, lambda stream: stream.write(text.encode()))
    return graph, settings
