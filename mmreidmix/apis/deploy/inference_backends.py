"""From prepared images to embeddings: PyTorch or ONNX Runtime."""

import json
from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
import torch
import torch.nn as nn
from mmengine.runner.amp import autocast

from mmreidmix.precision import bfloat16_is_fast

#: key of the description in the metadata of an exported model
DESCRIPTION = 'mmreidmix'


class TorchEncoder:
    """Embeds with a :class:`BaseReID` in evaluation mode, on a device.

    ``amp`` is a forward pass in bfloat16; None: where that is faster. With
    ``compile`` the first batch of each size takes long.

    Attributes:
        precision (str): number format, 'bf16' or 'fp32'.
    """

    def __init__(self, model: nn.Module, device: str,
                 amp: Optional[bool] = None,
                 compile: bool = False):
        self.model = model
        self.device = device
        self.amp = bfloat16_is_fast(device) if amp is None else amp
        self.precision = 'bf16' if self.amp else 'fp32'
        self._embed = torch.compile(model.embed) if compile else model.embed

    @torch.inference_mode()
    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Embeddings (B, D), float32, of BGR uint8 (H, W, 3)."""
        inputs = self.normalise(images)
        with autocast(enabled=self.amp, device_type=self.device.split(':')[0],
                      dtype=torch.bfloat16):
            return self._embed(inputs).float().cpu().numpy()

    def normalise(self, images: Sequence[np.ndarray]) -> torch.Tensor:
        """Input (B, 3, H, W) of the network, of BGR uint8 (H, W, 3)."""
        tensors = [torch.from_numpy(np.ascontiguousarray(
            np.moveaxis(image, -1, 0))) for image in images]
        return self.model.data_preprocessor(
            dict(inputs=tensors), False)['inputs']


class OnnxEncoder:
    """Embeds with ONNX Runtime.

    Args:
        model (str | bytes): file written by ``export_onnx``, or its content.
        threads (int, optional): of the CPU. Defaults to all cores.
        device (str, optional): 'cpu', 'cuda' or 'cuda:N'. Defaults to a GPU
            where the installed ONNX Runtime has one.

    Attributes:
        description (dict): see :meth:`TrainedModel.description`.
        precision (str): number format, 'fp32' or, if quantized, 'int8'.

    Raises:
        ModuleNotFoundError: onnxruntime is missing.
        ValueError: it is no ONNX file, or not one of this project, or the
            installed ONNX Runtime does not know the device.
    """

    def __init__(self, model: Union[str, bytes],
                 threads: Optional[int] = None, device: Optional[str] = None):
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                'exported models need the package onnxruntime: '
                "pip install '.[export]'") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        providers = _providers(
            onnxruntime.get_available_providers(), device)
        name = model if isinstance(model, str) else 'the model'
        try:
            self.session = onnxruntime.InferenceSession(
                model, options, providers=providers)
        except Exception as error:  # errors of ONNX Runtime have no base
            raise ValueError(f'{name} can not be read as an ONNX model: '
                             f'{str(error).splitlines()[0]}') from error
        metadata = self.session.get_modelmeta().custom_metadata_map
        if DESCRIPTION not in metadata:
            raise ValueError(f'{name} was not exported by '
                             'tools/export/export_onnx.py: it does not say '
                             'how images are prepared')
        self.description = json.loads(metadata[DESCRIPTION])
        quantized = 'quantized_from' in self.description['facts']
        self.precision = 'int8' if quantized else 'fp32'

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Embeddings (B, D), float32, of BGR uint8 (H, W, 3)."""
        rgb = np.stack([image[..., ::-1] for image in images])
        embeddings, = self.session.run(None, {'images': rgb})
        return embeddings


def _providers(available: Sequence[str], device: Optional[str]) -> list:
    """Providers of ONNX Runtime for a device, the first is tried first."""
    cpu, cuda = 'CPUExecutionProvider', 'CUDAExecutionProvider'
    kind, _, number = (device or '').partition(':')
    if kind not in ('', 'cpu', 'cuda'):
        raise ValueError("device must be 'cpu', 'cuda' or 'cuda:N' for an "
                         f'exported model, got {device!r}')
    if kind == 'cpu' or not kind and cuda not in available:
        return [cpu]
    if cuda not in available:
        raise ValueError(
            f'the installed ONNX Runtime has no {device!r}, only '
            f'{list(available)}: install onnxruntime-gpu')
    return [(cuda, dict(device_id=int(number or 0))), cpu]
