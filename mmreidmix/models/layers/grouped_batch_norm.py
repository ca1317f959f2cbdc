"""Batch normalisation over groups of the batch, as on several GPUs."""

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn import functional as F

from mmreidmix.checks import check_count
from mmreidmix.compat import BatchNorm


class _GroupedBatchNorm:
    """A batch norm that splits the batch in training.

    Raises:
        ValueError: in training, a batch is no multiple of ``group_size``.
    """

    def __init__(self, num_features: int, group_size: int, **kwargs):
        super().__init__(num_features, **kwargs)
        check_count(self, 1, group_size=group_size)
        self.group_size = group_size

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C), (B, C, L) or (B, C, h, w)."""
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)
        if len(x) % self.group_size:
            raise ValueError(
                f'{type(self).__name__}: a batch of {len(x)} images is not a '
                f'multiple of group_size={self.group_size}. Set the batch '
                'size of each process to a multiple of group_size and drop '
                'the last, smaller batch')
        factor = self._count_batch()
        out, means, variances = [], [], []
        for group in x.split(self.group_size):
            mean, var = self.running_mean, self.running_var
            if self.track_running_stats:
                mean, var = mean.clone(), var.clone()
                means.append(mean)
                variances.append(var)
            out.append(
                F.batch_norm(group, mean, var, self.weight, self.bias, True,
                             factor, self.eps))
        if self.track_running_stats:
            self.running_mean.copy_(torch.stack(means).mean(0))
            self.running_var.copy_(torch.stack(variances).mean(0))
        return torch.cat(out)

    def _count_batch(self) -> float:
        """Count one batch; return the weight of its statistics."""
        if self.track_running_stats:
            self.num_batches_tracked.add_(1)
        if self.momentum is not None:
            return self.momentum
        if not self.track_running_stats:
            return 0.
        # momentum=None is torch's cumulative average.
        return 1 / float(self.num_batches_tracked)

    def extra_repr(self) -> str:
        """Name the group size beside the options of batch norm."""
        return f'{super().extra_repr()}, group_size={self.group_size}'


class GroupedBatchNorm1d(_GroupedBatchNorm, nn.BatchNorm1d):
    """``BatchNorm1d`` over consecutive groups; see ``group_batch_norm``."""


class GroupedBatchNorm2d(_GroupedBatchNorm, nn.BatchNorm2d):
    """``BatchNorm2d`` over consecutive groups; see ``group_batch_norm``."""


_GROUPED = {
    nn.BatchNorm1d: GroupedBatchNorm1d,
    nn.BatchNorm2d: GroupedBatchNorm2d,
}


def group_batch_norm(module: nn.Module, group_size: int) -> nn.Module:
    """Let every batch norm of a module see ``group_size`` images at a time.

    In training, the batch is cut into consecutive groups along dimension 0;
    each is normalised by its own mean and variance, as if it were alone on a
    GPU without synchronised batch norm. So one process with 64 images and
    ``group_size=16`` computes what four with 16 each compute, and a result
    does not change with the number of GPUs. Running statistics ``r`` are
    updated once, with the mean over the G groups::

        r <- (1 - momentum) r + momentum / G * sum_g stat_g

    which is linear in the groups: averaging the buffers of two processes
    (``SyncBuffersHook``) gives those of one process with both batches.
    Evaluation, names, parameters, buffers and hooks stay as they are;
    instance norm is left alone. Do not combine with ``sync_bn``, which
    would replace the layers again.

    Args:
        module (nn.Module): changed in place and returned.
        group_size (int): images per group, at least 1.

    Raises:
        ValueError: ``group_size`` is no integer of at least 1.
        TypeError: there is a batch norm of another class, such as
            ``SyncBatchNorm``, for which grouping is not defined.
    """
    check_count('group_batch_norm', 1, group_size=group_size)
    layers = {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, BatchNorm)
    }
    for name, layer in layers.items():
        if type(layer) not in (*_GROUPED, *_GROUPED.values()):
            raise TypeError(
                f'{name or "module"} is a {type(layer).__name__}; only '
                'BatchNorm1d and BatchNorm2d can be grouped. Unset sync_bn')
    for layer in layers.values():
        # The object itself is kept: optimizers, hooks and parents that
        # refer to it stay valid.
        layer.__class__ = _GROUPED.get(type(layer), type(layer))
        layer.group_size = group_size
    print_log(
        f'{len(layers)} batch norms of {type(module).__name__} normalise '
        f'groups of {group_size} images in training',
        logger='current')
    return module
