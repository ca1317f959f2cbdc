"""Batch-norm statistics of a site, from its images without labels."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from mmreidmix.compat import BatchNorm


def batch_norms(encoder: nn.Module) -> dict[str, nn.Module]:
    """Batch norms that see images, by name.

    That of the BNNeck is left as it is: it sees the embedding, which camera
    profiles standardise anyway.

    Args:
        encoder (nn.Module): a :class:`BaseReID` or its momentum encoder.
    """
    return {name: layer for name, layer in encoder.named_modules()
            if isinstance(layer, BatchNorm) and layer.track_running_stats
            and 'bnneck' not in name.split('.')}


def shuffled_batches(num_images: int, batch_size: int = 64) -> list:
    """Batches of almost one size that hold images of all parts of a site.

    Args:
        num_images (int): at least 2.
        batch_size (int): most images of a batch.

    Returns:
        list[np.ndarray]: indices, the same at each call.

    Raises:
        ValueError: there are fewer than two images.
    """
    if num_images < 2:
        raise ValueError('batch-norm statistics need at least 2 images, got '
                         f'{num_images}')
    order = np.random.default_rng(0).permutation(num_images)
    return np.array_split(order, -(-num_images // batch_size))


@torch.no_grad()
def estimate_batch_norm(model: nn.Module,
                        batches: Iterable[Tensor]) -> dict[str, np.ndarray]:
    """Mean and variance that each batch norm sees, averaged over batches.

    The model is as before afterwards. Li et al., "Revisiting Batch
    Normalization For Practical Domain Adaptation" (arXiv 1603.04779).

    Args:
        model (nn.Module): a :class:`BaseReID`, not wrapped.
        batches (Iterable[Tensor]): normalised images (B, 3, H, W), several in
            each.

    Returns:
        dict[str, np.ndarray]: ``<layer>.running_mean`` and
        ``<layer>.running_var`` (C,), of the layers that were used.
    """
    layers = batch_norms(model)
    with _as_before(model, layers):
        model.eval()
        for layer in layers.values():
            layer.reset_running_stats()
            layer.momentum = None  # the average over all batches
            layer.train()
        for images in batches:
            for layer in layers.values():
                if hasattr(layer, 'group_size'):
                    layer.group_size = len(images)
            model.embed(images)
        return {f'{name}.{key}': getattr(layer, key).cpu().numpy().copy()
                for name, layer in layers.items() if layer.num_batches_tracked
                for key in ('running_mean', 'running_var')}


@contextmanager
def batch_norm_of(model: nn.Module,
                  statistics: Mapping[str, np.ndarray]) -> Iterator[None]:
    """A model with statistics of a site, see :func:`load_batch_norm`."""
    with _as_before(model, batch_norms(model)):
        load_batch_norm(model, statistics)
        yield


@contextmanager
def _as_before(model: nn.Module, layers: Mapping) -> Iterator[None]:
    training = {module: module.training for module in model.modules()}
    kept = {layer: ({
        name: getattr(layer, name) for name in ('momentum', 'group_size')
        if hasattr(layer, name)
    }, {
        name: buffer.clone() for name, buffer in layer.named_buffers()
    }) for layer in layers.values()}
    try:
        yield
    finally:
        for module, mode in training.items():
            module.training = mode
        for layer, (options, buffers) in kept.items():
            vars(layer).update(options)
            layer.load_state_dict(buffers, strict=False)


def load_batch_norm(model: nn.Module,
                    statistics: Mapping[str, np.ndarray]) -> None:
    """Give a model the statistics of a site.

    Args:
        model (nn.Module): a :class:`BaseReID`, not wrapped.
        statistics (Mapping[str, np.ndarray]): of :func:`estimate_batch_norm`.

    Raises:
        ValueError: the model has no such layer, or one of another width.
    """
    buffers = {f'{name}.{key}': getattr(layer, key)
               for name, layer in batch_norms(model).items()
               for key in ('running_mean', 'running_var')}
    wrong = sorted(
        name for name, values in statistics.items()
        if name not in buffers or buffers[name].shape != values.shape)
    if wrong:
        raise ValueError(
            f'batch-norm statistics do not fit {type(model).__name__}: '
            f'{wrong[0]} and {len(wrong) - 1} more are no layers of it or of '
            'another width. They are of another model')
    for name, values in statistics.items():
        buffers[name].copy_(torch.from_numpy(values))
