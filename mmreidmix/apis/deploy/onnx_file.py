"""A model as one ONNX file, from pixels to the embedding."""

import io
import json
from collections.abc import Mapping
from typing import Any, Optional

import torch

from mmreidmix.apis.trained_model import TrainedModel

from .description import DESCRIPTION
from .graph import InputForm, PixelsToEmbedding, register_antialiasing

#: The first that has antialiased resizing.
OPSET = 18


def export_onnx(trained: TrainedModel, form: Optional[InputForm] = None,
                opset: int = OPSET, fp16: bool = False,
                metadata: Optional[Mapping[str, str]] = None) -> bytes:
    """Export a model with its preparation, as content of an ``.onnx`` file.

    The graph takes ``images``, RGB, in the form that is asked for, and gives
    ``embeddings`` (B, D), float32, of unit length. Its metadata hold
    :meth:`TrainedModel.description` and the form as ``input``.

    Args:
        trained (TrainedModel): on the CPU.
        form (InputForm, optional): of the images. Defaults to (B, H, W, 3),
            uint8, any B, H and W.
        opset (int): version of the operators. Defaults to 18.
        fp16 (bool): weights and activations of 16 bits; images and
            embeddings stay as they are, but the length of an embedding is
            one to three digits only. Defaults to False.
        metadata (Mapping[str, str], optional): further entries.

    Raises:
        ModuleNotFoundError: onnx is missing.
        ValueError: what :class:`PixelsToEmbedding` raises, or the opset has
            no antialiased resizing.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'an export needs the packages onnx and onnxscript: '
            "pip install '.[export]'") from error
    module = PixelsToEmbedding(trained, form or InputForm()).eval()
    if module.resizes and module.antialias:
        if opset < OPSET:
            raise ValueError(
                f'opset {opset} has no antialiased resizing: export with '
                f'opset {OPSET}, or for images of {module.size} (--size)')
        register_antialiasing(opset)
    buffer = io.BytesIO()
    with torch.inference_mode():
        torch.onnx.export(
            module, (module.example(), ), buffer, dynamo=False,
            opset_version=opset, input_names=['images'],
            output_names=['embeddings'], dynamic_axes=dict(
                images=module.free_axes(),
                embeddings={} if module.form.batch else {0: 'batch'}))
    graph = onnx.load_from_string(buffer.getvalue())
    if fp16:
        graph = _in_16_bits(graph)
    description = module.describe(trained)
    if fp16:
        description['precision'] = 'fp16'
    onnx.helper.set_model_props(graph, {
        **(metadata or {}), DESCRIPTION: json.dumps(description)})
    onnx.checker.check_model(graph)
    return graph.SerializeToString()


def _in_16_bits(graph: Any) -> Any:
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel
    for node in graph.graph.node:
        if node.op_type == 'Resize':
            # Region and scales are empty; as constants they would be cast.
            node.input[1] = node.input[2] = ''
    # Resizing of values up to 255 stays in 32 bits.
    model = OnnxModel(convert_float_to_float16(
        graph, keep_io_types=True, op_block_list=['Resize']))
    model.topological_sort()
    return model.model
