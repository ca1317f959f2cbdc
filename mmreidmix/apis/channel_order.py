"""Which order of colours images look to be in."""

from collections.abc import Sequence

import numpy as np
import torch

from mmreidmix.models.batch_norm import batch_norms

from .deploy.inference_backends import TorchEncoder
from .inferencer import ReIDInferencer


def likely_channel_order(inferencer: ReIDInferencer,
                         images: Sequence[np.ndarray]) -> str:
    """Which order of colours images look to be in, for the model.

    The batch norms of a model know the means of what it was trained on. In
    the wrong order the means of images are farther from them. It is a guess:
    give at least 32 images of different people.

    Args:
        inferencer (ReIDInferencer): of a model in PyTorch.
        images (Sequence[np.ndarray]): N images of people, as they are given
            to the inferencer.

    Returns:
        str: 'rgb' or 'bgr'; to be the inferencer's ``channel_order``.

    Raises:
        ValueError: the model was exported, or has no batch norm; or an image
            is no array, or there is none.
    """
    encoder = inferencer.encoder
    if not isinstance(encoder, TorchEncoder) or not (
            batch_norms(encoder.model)):
        raise ValueError('the order of colours is guessed by the batch norms '
                         "of a model: it needs the backend 'torch', a "
                         'checkpoint, and a network that has them')
    if not len(images) or not all(
            isinstance(image, np.ndarray) for image in images):
        raise ValueError('expected arrays, at least one: files and PIL '
                         'images say the order of their colours themselves')
    given = inferencer.prepare.channel_order
    prepared = [inferencer.prepare(image) for image in images]
    swapped = [image[..., ::-1] for image in prepared]
    size = inferencer.batch_size
    if _distance(encoder, prepared, size) <= _distance(encoder, swapped, size):
        return given
    return 'bgr' if given == 'rgb' else 'rgb'


def _distance(encoder: TorchEncoder, images: Sequence[np.ndarray],
              batch_size: int) -> float:
    """From means of channels to those known: squares, in deviations."""
    layers = batch_norms(encoder.model).values()
    sums: dict = {}

    def add(layer: torch.nn.Module, inputs: tuple) -> None:
        # of maps (B, C, H, W), or vectors (B, C) as they are
        means = inputs[0].float().flatten(2).mean(-1) if (
            inputs[0].ndim > 2) else inputs[0].float()
        sums[layer] = sums.get(layer, 0) + means.sum(0)

    hooks = [layer.register_forward_pre_hook(add) for layer in layers]
    try:
        for begin in range(0, len(images), batch_size):
            encoder(images[begin:begin + batch_size])
    finally:
        for hook in hooks:
            hook.remove()
    return sum(float(
        ((total / len(images) - layer.running_mean).square()
         / (layer.running_var + layer.eps)).mean())
        for layer, total in sums.items())
