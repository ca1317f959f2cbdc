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
        **kwargs: see :class:`mmengine.model.ImgDataPreprocessor`.
    """

    def __init__(self, channels_last: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.memory_format = (
            torch.channels_last if channels_last else torch.contiguous_format)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Stack and normalise ``inputs`` to (B, 3, H, W) floats.

        Images in V views, (V, 3, H, W) each, become (V, B, 3, H, W): each
        view is a batch in the chosen memory format.
        """
        images = data['inputs']
        if images[0].ndim == 4:
            views = len(images[0])
            flat = [image[v] for v in range(views) for image in images]
            data = self.forward(dict(data, inputs=flat), training)
            data['inputs'] = data['inputs'].unflatten(0, (views, -1))
            return data
        if isinstance(images, (list, tuple)) and len(
                {image.shape for image in images}) == 1:
            # One batch is normalised faster than its images one by one.
            data = dict(data, inputs=torch.stack(list(images)))
        data = super().forward(data, training)
        data['inputs'] = data['inputs'].contiguous(
            memory_format=self.memory_format)
        return data
