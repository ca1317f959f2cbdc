"""An exported model in 8 bits."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Optional

import numpy as np

from .description import DESCRIPTION, feed


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
    form = json.loads(_metadata(content)[DESCRIPTION])['input']
    with TemporaryDirectory() as folder:
        source = Path(folder, 'model.onnx')
        prepared = Path(folder, 'prepared.onnx')
        target = Path(folder, 'int8.onnx')
        source.write_bytes(content)
        quantization.quant_pre_process(
            source, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared, target, _Calibration(images, form), per_channel=True,
            # Weights of 7 bits: the sums of 8 overflow on processors without
            # instructions for 8 bits, without an error.
            reduce_range=True,
            op_types_to_quantize=['Conv', 'Gemm', 'MatMul'])
        return _as_another_model(target.read_bytes())


def _metadata(content: bytes) -> dict[str, str]:
    import onnx
    graph = onnx.load_from_string(content)
    return {entry.key: entry.value for entry in graph.metadata_props}


def _as_another_model(content: bytes) -> bytes:
    import onnx
    metadata = _metadata(content)
    description = json.loads(metadata[DESCRIPTION])
    description['facts']['quantized_from'] = description['sha256']
    description['sha256'] = hashlib.sha256(content).hexdigest()
    thresholds = description['thresholds']
    if thresholds:
        thresholds['domain'] = (f'{thresholds.get("domain", "unknown data")} '
                                'before the model was quantized')
    metadata[DESCRIPTION] = json.dumps(description)
    graph = onnx.load_from_string(content)
    onnx.helper.set_model_props(graph, metadata)
    return graph.SerializeToString()


class _Calibration:
    """Batches of one image, as ONNX Runtime asks for them.

    A batch of a fixed size is filled with copies.
    """

    def __init__(self, images: Sequence[np.ndarray], form: Mapping):
        self._images = iter(images)
        self._form = form

    def get_next(self) -> Optional[dict]:
        image = next(self._images, None)
        if image is None:
            return None
        return dict(images=feed(
            [image] * (self._form['batch'] or 1), self._form))
