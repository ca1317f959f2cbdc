"""Normalisation on the device."""

import torch
from mmengine.model import ImgDataPreprocessor

from mmreidmix.registry import MODELS


@MODELS.register_module()
class ReIDDataPreprocessor(ImgDataPreprocessor):
    """MMEngine's image preprocessor with an optional memory format.

    Args:
        channels_last (bool): hand the batch over as channels_last, which
            convolutions in bf16 on CPU and with tensor cores prefer.
            Defaults to True.
        **kwargs: see :class:`mmengine.model.ImgDataPreprocessor`.
    """

    def __init__(self, channels_last: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.memory_format = (
            torch.channels_last if channels_last else torch.contiguous_format)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Stack and normalise ``inputs`` to (B, 3, H, W) floats."""
        data = super().forward(data, training)
        data['inputs'] = data['inputs'].contiguous(
            memory_format=self.memory_format)
        return data
