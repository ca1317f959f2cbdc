"""MobileNetV2 with strides that can be chosen."""

from collections.abc import Sequence
from typing import Any, Optional

import torch
import torch.nn.functional as F
from mmpretrain.models import MobileNetV2 as _MobileNetV2
from torch import Tensor, nn

from mmreidmix.registry import MODELS


class _StridedDepthwise(torch.autograd.Function):
    """A depthwise convolution with strides, whose gradients are fast on CPUs.

    For the gradient of the input oneDNN has no fast way with strides: in
    bfloat16 it takes 20 times as long as at stride 1, with zeros between the
    outputs.
    """

    @staticmethod
    def forward(ctx, inputs: Tensor, weight: Tensor, stride: tuple[int, int],
                padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(inputs, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Optional[Tensor], ...]:
        inputs, weight = ctx.saved_tensors
        (rows, columns), padding = ctx.stride, ctx.padding
        size = [n + 2 * p - k + 1 for n, p, k in zip(
            inputs.shape[2:], padding, weight.shape[2:])]
        spread = torch.empty(
            (*grad.shape[:2], *size), dtype=grad.dtype,
            memory_format=torch.channels_last).zero_()
        spread[..., ::rows, ::columns] = grad
        given = ctx.needs_input_grad
        of_input = _gradients(
            spread, inputs, weight, (1, 1), padding, (given[0], False))[0]
        of_weight = _gradients(
            grad, inputs, weight, ctx.stride, padding, (False, given[1]))[1]
        return of_input, of_weight, None, None


def _gradients(grad: Tensor, inputs: Tensor, weight: Tensor,
               stride: tuple[int, int], padding: tuple[int, int],
               which: tuple[bool, bool]) -> list[Optional[Tensor]]:
    return torch.ops.aten.convolution_backward(
        grad, inputs, weight, None, stride, padding, (1, 1), False, (0, 0),
        len(weight), (*which, False))


class _Conv2d(nn.Conv2d):
    """A convolution that trains by :class:`_StridedDepthwise` where it can."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (B, C, H, W) to map."""
        if not self.training or inputs.device.type != 'cpu' or (
                not self._is_strided_depthwise()):
            return super().forward(inputs)
        weight = self.weight
        if torch.is_autocast_enabled('cpu'):
            dtype = torch.get_autocast_dtype('cpu')
            inputs, weight = inputs.to(dtype), weight.to(dtype)
        return _StridedDepthwise.apply(inputs, weight, self.stride,
                                       self.padding)

    def _is_strided_depthwise(self) -> bool:
        return (self.groups == self.in_channels == self.out_channels
                and self.stride != (1, 1) and self.dilation == (1, 1)
                and self.bias is None)


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
        kwargs.setdefault('conv_cfg', dict(type=_Conv2d))
        super().__init__(**kwargs)
