"""A model for the tracker of NVIDIA DeepStream, with its settings."""

from pathlib import Path
from typing import Union

import torch

from mmreidmix.apis.deploy.export import (
    PixelsToEmbedding,
    onnx_graph,
    pixels_to_embedding,
)
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
  netScaleFactor: 1.0    # pixels from 0 to 255
  offsets: [0.0, 0.0, 0.0]
  keepAspc: 0            # resize, no padding
  addFeatureNormalization: 0  # embeddings have unit length
  onnxFile: "{name}"
'''


class PlanarToEmbedding(PixelsToEmbedding):
    """From prepared planes of colour to the embedding: no resize."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D) of RGB images (B, 3, H, W), float, 0 to 255."""
        if self.to_bgr:
            images = images.flip(1)
        return self.model.embed((images - self.mean) / self.std)


def write_deepstream(folder: Union[str, Path], model: Union[str, Path],
                     weights: Union[str, Path, None] = None,
                     batch_size: int = 100) -> tuple[Path, Path]:
    """Write ``reid.onnx`` and ``reid.yml``.

    The graph takes ``images`` (B, 3, H, W), float32, RGB, 0 to 255, of the
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
        ValueError: see :func:`pixels_to_embedding`.

    Source: the documentation of Gst-nvtracker, DeepStream 9.2.
    """
    check_count('write_deepstream', 1, batch_size=batch_size)
    whole = pixels_to_embedding(load_trained_model(model, weights))
    height, width = whole.size
    planar = PlanarToEmbedding(
        whole.model, whole.size, whole.interpolation).eval()
    example = torch.zeros(2, 3, height, width)
    with torch.inference_mode():
        dim = planar(example).shape[1]
    content = onnx_graph(planar, example, {0: 'batch'}).SerializeToString()
    graph, settings = Path(folder, 'reid.onnx'), Path(folder, 'reid.yml')
    text = _SETTINGS.format(batch_size=batch_size, dim=dim, height=height,
                            width=width, name=graph.name)
    replace_file(graph, lambda stream: stream.write(content))
    replace_file(settings, lambda stream: stream.write(text.encode()))
    return graph, settings
