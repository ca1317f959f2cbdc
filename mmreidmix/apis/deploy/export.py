"""A model as one ONNX graph, from raw pixels to the embedding."""

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Optional

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmreidmix.apis.images import Preparation
from mmreidmix.apis.trained_model import TrainedModel
from mmreidmix.checks import check_choice
from mmreidmix.compat import swaps_channels

from .inference_backends import DESCRIPTION

INTERPOLATIONS = ('bilinear', 'bicubic')
OPSET = 18


class PixelsToEmbedding(nn.Module):
    """Resize to (height, width), normalise and embed in one module.

    The weights of the interpolation, 'bilinear' or 'bicubic', are those of
    OpenCV, whose rounding may differ by one level of a pixel.
    """

    def __init__(self, model: nn.Module, size: Sequence[int],
                 interpolation: str):
        super().__init__()
        self.model = model
        self.size = tuple(size)
        self.interpolation = interpolation
        preprocessor = model.data_preprocessor
        self.to_bgr = not swaps_channels(preprocessor)
        for name in ('mean', 'std'):
            value = getattr(preprocessor, name, None)
            fallback = torch.full((3, 1, 1), float(name == 'std'))
            self.register_buffer(
                name, (fallback if value is None else value).view(1, 3, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, D) of RGB images (B, H, W, 3), uint8."""
        pixels = images.permute(0, 3, 1, 2).float()
        if self.to_bgr:
            pixels = pixels.flip(1)
        pixels = F.interpolate(
            pixels, self.size, mode=self.interpolation, align_corners=False)
        # An 8-bit image is what the model was trained on.
        pixels = (pixels + 0.5).floor().clamp(0, 255)
        return self.model.embed((pixels - self.mean) / self.std)


def pixels_to_embedding(trained: TrainedModel) -> PixelsToEmbedding:
    """The module that is exported.

    Raises:
        ValueError: the test pipeline does more than to resize.
    """
    resize = Preparation(trained.pipeline).resize_only()
    interpolation = resize.get('interpolation', 'bilinear')
    check_choice('export', INTERPOLATIONS, interpolation=interpolation)
    width, height = resize['scale']
    return PixelsToEmbedding(trained.model, (height, width), interpolation)


def export_onnx(trained: TrainedModel) -> bytes:
    """Export a model with its preparation, as content of an ``.onnx`` file.

    The graph takes ``images`` (B, H, W, 3), uint8, RGB, any B, H and W, and
    gives ``embeddings`` (B, D), float32, of unit length. Its metadata hold
    :meth:`TrainedModel.description`.

    Args:
        trained (TrainedModel): on the CPU.

    Raises:
        ModuleNotFoundError: onnx is missing.
        ValueError: what :func:`pixels_to_embedding` raises.
    """
    module = pixels_to_embedding(trained)
    # Neither 1 nor the target size, which would become constants.
    height, width = (size + 8 for size in module.size)
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    graph = onnx_graph(module, example,
                       {0: 'batch', 1: 'height', 2: 'width'})
    import onnx
    onnx.helper.set_model_props(
        graph, {DESCRIPTION: json.dumps(trained.description())})
    return graph.SerializeToString()


def onnx_graph(module: nn.Module, example: torch.Tensor, axes: dict):
    """The ONNX graph of a module, from ``images`` to ``embeddings``.

    Args:
        module (nn.Module): takes one tensor and gives one.
        example (Tensor): an input.
        axes (dict): names of the axes of the input whose length is free.

    Raises:
        ModuleNotFoundError: onnx is missing.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'an export needs the packages onnx and onnxscript: '
            "pip install '.[export]'") from error
    buffer = io.BytesIO()
    with torch.inference_mode():
        torch.onnx.export(
            module.eval(), (example, ), buffer, dynamo=False,
            opset_version=OPSET, input_names=['images'],
            output_names=['embeddings'],
            dynamic_axes=dict(images=axes, embeddings={0: 'batch'}))
    graph = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(graph)
    return graph


def quantize(content: bytes, images: Sequence[np.ndarray]) -> bytes:
    """Convolutions and products of an exported model in 8 bits.

    Static quantization of ONNX Runtime, weights per channel. Only what lies
    between the first convolution and the embedding is changed.

    Args:
        content (bytes): what :func:`export_onnx` gave.
        images (Sequence[np.ndarray]): prepared images, BGR uint8 (H, W, 3),
            by which the ranges of the activations are found.

    Returns:
        bytes: the content of an ``.onnx`` file. Its metadata say that it is
        quantized: it is another model with a hash of its own, and its
        thresholds are those measured before.
    """
    from onnxruntime import quantization
    with TemporaryDirectory() as folder:
        source = Path(folder, 'model.onnx')
        prepared = Path(folder, 'prepared.onnx')
        target = Path(folder, 'int8.onnx')
        source.write_bytes(content)
        quantization.quant_pre_process(
            source, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared, target, _Calibration(images), per_channel=True,
            op_types_to_quantize=['Conv', 'Gemm', 'MatMul'])
        return _as_another_model(target.read_bytes())


def _as_another_model(content: bytes) -> bytes:
    import onnx
    graph = onnx.load_from_string(content)
    metadata = {entry.key: entry.value for entry in graph.metadata_props}
    description = json.loads(metadata[DESCRIPTION])
    description['facts']['quantized_from'] = description['sha256']
    description['sha256'] = hashlib.sha256(content).hexdigest()
    thresholds = description['thresholds']
    if thresholds:
        thresholds['domain'] = (f'{thresholds.get("domain", "unknown data")} '
                                'before the model was quantized')
    metadata[DESCRIPTION] = json.dumps(description)
    onnx.helper.set_model_props(graph, metadata)
    return graph.SerializeToString()


class _Calibration:
    """Single images, as ONNX Runtime asks for them."""

    def __init__(self, images: Sequence[np.ndarray]):
        self._images = iter(images)

    def get_next(self) -> Optional[dict]:
        image = next(self._images, None)
        return image if image is None else dict(images=image[None, ..., ::-1])
