"""From prepared images to embeddings: PyTorch, ONNX Runtime, OpenVINO."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
import torch.nn as nn
from mmengine.runner.amp import autocast

from mmreidmix.choices import RUN_BY
from mmreidmix.precision import bfloat16_is_fast

from .description import (
    DESCRIPTION,
    feed,
    in_batches,
    precision_of,
    read_description,
)
from .program_file import ProgramEncoder


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
        precision (str): number format of the file: 'fp32', 'fp16', 'int8'.

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
        self.description = read_description(metadata.get(DESCRIPTION), name)
        self.precision = precision_of(self.description)

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Embeddings (B, D), float32, of BGR uint8 (H, W, 3)."""
        return in_batches(
            lambda batch: self.session.run(None, dict(images=batch))[0],
            feed(images, self.description['input']),
            self.description['input']['batch'])


class OpenVinoEncoder:
    """Embeds with OpenVINO, on the CPU.

    Args:
        model (str | bytes): ``.onnx`` file written by ``export_onnx``, or its
            content; or an ``.xml`` file made of it.
        threads (int, optional): of the CPU. Defaults to all cores.

    Attributes:
        description (dict): see :meth:`TrainedModel.description`.
        precision (str): number format of the file.

    Raises:
        ModuleNotFoundError: openvino is missing.
        ValueError: it can not be read, or is not one of this project.
    """

    def __init__(self, model: Union[str, bytes],
                 threads: Optional[int] = None):
        try:
            import openvino
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "the backend 'openvino' needs the package openvino: "
                "pip install '.[openvino]'") from error
        name = model if isinstance(model, str) else 'the model'
        core = openvino.Core()
        try:
            network = core.read_model(model)
        except RuntimeError as error:
            raise ValueError(f'{name} can not be read by OpenVINO: '
                             f'{str(error).splitlines()[0]}') from error
        self.description = read_description(_runtime_info(network), name)
        self.precision = precision_of(self.description)
        # Exact: by default some processors compute in 16 bits.
        options: dict[str, Any] = dict(INFERENCE_PRECISION_HINT='f32')
        if threads:
            options['INFERENCE_NUM_THREADS'] = threads
        self.network = core.compile_model(network, 'CPU', options)

    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Embeddings (B, D), float32, of BGR uint8 (H, W, 3)."""
        return in_batches(
            lambda batch: self.network(dict(images=batch))[0],
            feed(images, self.description['input']),
            self.description['input']['batch'])


def run_exported(model: Union[str, Path, bytes], backend: Optional[str] = None,
                 device: Optional[str] = None
                 ) -> Union[OnnxEncoder, OpenVinoEncoder, ProgramEncoder]:
    """What runs an exported model.

    Args:
        model (str | Path | bytes): file, or the content of an ``.onnx`` file.
        backend (str, optional): 'onnxruntime', 'openvino' or, for ``.pt2``
            files, 'torch.export'. Defaults to the first that runs such a
            file; ``.pt2`` files have no default, because PyTorch may run code
            of them.
        device (str, optional): see :class:`OnnxEncoder`; the others run on
            the CPU.

    Raises:
        ModuleNotFoundError, ValueError: what the encoders raise; or such a
            file is not run by this backend, or not on this device.
    """
    if isinstance(model, (str, Path)):
        runs = RUN_BY[Path(model).suffix]
        if backend not in (None, *runs):
            raise ValueError(f'{model} is run by {" or ".join(runs)}, not by '
                             f'{backend}')
        model, backend = str(model), backend or runs[0]
    if backend == 'onnxruntime':
        return OnnxEncoder(model, device=device)
    if device not in (None, 'cpu'):
        raise ValueError(f'the backend {backend!r} runs on the CPU here, got '
                         f'device={device!r}')
    return (OpenVinoEncoder if backend == 'openvino' else ProgramEncoder)(
        model)


def _runtime_info(network: Any) -> Optional[str]:
    """The description in a network that OpenVINO has read."""
    for path in ([DESCRIPTION], ['framework', DESCRIPTION]):
        if network.has_rt_info(path):
            return network.get_rt_info(path).astype(str)
    return None


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
