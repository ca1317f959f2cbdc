"""MobileNetV2 with strides that can be chosen."""

from collections.abc import Sequence
from typing import Any

from mmpretrain.models import MobileNetV2 as _MobileNetV2

from mmreidmix.registry import MODELS


@MODELS.register_module()
class MobileNetV2(_MobileNetV2):
    """MMPretrain's MobileNetV2 with the strides of its seven layers.

    "MobileNetV2: Inverted Residuals and Linear Bottlenecks", Sandler et al.,
    CVPR 2018, https://arxiv.org/abs/1801.04381. Keys are those of
    ``mmpretrain.MobileNetV2``. Re-ID leaves out the last stride with
    ``strides=(1, 2, 2, 2, 1, 1, 1)``, which gives a map 16 times smaller
    than the image; no weight changes its shape.

    Args:
        strides (Sequence[int]): 1 or 2 for each layer. Default: as in the
            paper, a map 32 times smaller than the image.
        **kwargs: see ``mmpretrain.MobileNetV2``.

    Raises:
        ValueError: ``strides`` is not seven times 1 or 2.
    """

    def __init__(self,
                 strides: Sequence[int] = (1, 2, 2, 2, 1, 2, 1),
                 **kwargs: Any):
        layers = _MobileNetV2.arch_settings
        if len(strides) != len(layers) or not set(strides) <= {1, 2}:
            raise ValueError('MobileNetV2: strides must be 1 or 2 for each '
                             f'of the {len(layers)} layers, got {strides}')
        self.arch_settings = [[*layer[:3], stride]
                              for layer, stride in zip(layers, strides)]
        super().__init__(**kwargs)
