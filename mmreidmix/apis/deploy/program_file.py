"""A model as a program of PyTorch, from pixels to the embedding."""

import io
import json
import warnings
from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
import torch

from mmreidmix.apis.trained_model import TrainedModel

from .description import (
    DESCRIPTION,
    feed,
    in_batches,
    precision_of,
    read_description,
)
from .graph import InputForm, PixelsToEmbedding


def export_program(trained: TrainedModel,
                   form: Optional[InputForm] = None) -> bytes:
    """Export a model with its preparation, as content of a ``.pt2`` file.

    ``torch.export.load(file).module()`` takes images and gives embeddings as
    the graph of :func:`export_onnx` does, and needs PyTorch alone.
    ``extra_files`` of the file hold the same description.

    Args:
        trained (TrainedModel): on the CPU.
        form (InputForm, optional): of the images. Defaults to (B, H, W, 3),
            uint8, any B, H and W.

    Raises:
        ValueError: what :class:`PixelsToEmbedding` raises.
    """
    module = PixelsToEmbedding(trained, form or InputForm()).eval()
    free = dict.fromkeys(module.free_axes(), torch.export.Dim.DYNAMIC)
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        # It takes weights in channels_last for parts of others.
        warnings.filterwarnings('ignore', 'No complete tensor found')
        program = torch.export.export(
            module, (module.example(), ), dynamic_shapes=dict(images=free))
        torch.export.save(program, buffer, extra_files={
            DESCRIPTION: json.dumps(module.describe(trained))})
    return buffer.getvalue()


class ProgramEncoder:
    """Embeds with what :func:`export_program` gave, on the CPU.

    PyTorch may run code of a file that it loads so: only for files that are
    trusted.

    Args:
        model (str | bytes): ``.pt2`` file, or its content.

    Attributes:
        description (dict): see :meth:`TrainedModel.description`.
        precision (str): number format, 'fp32'.

    Raises:
        ValueError: it can not be read, or is not one of this project.
    """

    def __init__(self, model: Union[str, bytes]):
        name = model if isinstance(model, str) else 'the program'
        found: dict = {DESCRIPTION: None}
        try:
            program = torch.export.load(
                model if isinstance(model, str) else io.BytesIO(model),
                extra_files=found)
        except Exception as error:  # PyTorch raises anything
            raise ValueError(f'{name} can not be read as a program of '
                             f'torch.export: {error}') from error
        self.description = read_description(found[DESCRIPTION], name)
        self.precision = precision_of(self.description)
        self._embed = program.module()

    @torch.no_grad()
    def __call__(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Embeddings (B, D), float32, of BGR uint8 (H, W, 3)."""
        form = self.description['input']
        return in_batches(
            lambda batch: self._embed(torch.from_numpy(batch)).numpy(),
            feed(images, form), form['batch'])
