"""Attention that splits a map into domain-shared and domain-specific."""

import logging
import math
from typing import NamedTuple, Optional

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmreidmix.checks import check_at_least
from mmreidmix.models.encoder import last_output, stage_of
from mmreidmix.registry import MODELS

#: Mean attention outside of these means that one of the two maps is empty.
COLLAPSED = (0.02, 0.98)


class AttendedMap(NamedTuple):
    """A map and its split by attention A = spatial * channel.

    Attributes:
        features (Tensor): (B, C, H, W) the map F.
        shared (Tensor): (B, C, H, W) the domain-shared map A F.
        spatial (Tensor): (B, 1, H, W) in (0, 1).
        channel (Tensor): (B, C, 1, 1) in (0, 1).
    """

    features: Tensor
    shared: Tensor
    spatial: Tensor
    channel: Tensor

    @property
    def specific(self) -> Tensor:
        """The domain-specific map (1 - A) F, (B, C, H, W)."""
        return self.features - self.shared

    def pooled_specific(self) -> Tensor:
        """Spatial mean of the specific map, (B, C), at least float32."""
        dtype = torch.promote_types(self.features.dtype, torch.float32)
        return self.specific.mean((2, 3), dtype=dtype)

    @torch.no_grad()
    def mean_over_channels(self) -> Tensor:
        """Mean of A over the channels, at least float32, (B, H, W)."""
        dtype = torch.promote_types(self.spatial.dtype, torch.float32)
        return self.spatial.squeeze(1) * self.channel.mean(1, dtype=dtype)

    @torch.no_grad()
    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of all entries of A, scalars.

        They are those of the images of all processes, which all call it.
        """
        dtype = torch.promote_types(self.spatial.dtype, torch.float32)
        (var_s, mean_s), (var_c, mean_c) = (
            torch.var_mean(factor.to(dtype), (1, 2, 3), correction=0)
            for factor in (self.spatial, self.channel))
        # A is a product, so its moments are products too, image by image.
        means = mean_s * mean_c
        mean = means.mean()
        all_reduce(mean, op='mean')
        within = var_s * var_c + mean_s**2 * var_c + mean_c**2 * var_s
        variance = (within + (means - mean)**2).mean()
        all_reduce(variance, op='mean')
        return mean, variance.sqrt()


@MODELS.register_module()
class DAAMNeck(BaseModule):
    """Domain adaptive attention: F = A F + (1 - A) F.

    Used as ``attention=`` of a model; in ``neck=`` it gives A F alone.

    The domain-shared map A F goes on, the domain-specific map (1 - A) F is
    left to a branch of its own. A = S C with S (B, 1, H, W) and C
    (B, C, 1, 1), each the output of a sigmoid; A starts near 1/2. Huang et
    al., "Domain Adaptive Attention Learning for Unsupervised Person
    Re-Identification" (AAAI 2020, arXiv 1905.10529) for the split; the layers
    are those of harmonious attention (Li et al., CVPR 2018), without a ReLU
    before the sigmoid, which would keep each factor above 1/2. A
    reconstruction: there is no public code.

    Args:
        in_channels (int): channels C of the map.
        reduction (int): the channel attention has C / reduction hidden
            channels.
        after (str, optional): submodule of the backbone, such as 'layer3',
            behind which the shared map takes the place of the map. None:
            behind the last output of the backbone.
        init_cfg (dict, optional): see :class:`mmengine.model.BaseModule`.
    """

    def __init__(self,
                 in_channels: int,
                 reduction: int = 16,
                 after: Optional[str] = None,
                 init_cfg=None):
        super().__init__(init_cfg)
        check_at_least(self, 1, in_channels=in_channels, reduction=reduction)
        self.in_channels = in_channels
        self.after = after
        self._warned = False
        hidden = max(in_channels // reduction, 1)
        self.spatial = nn.Sequential(
            nn.Conv2d(1, 1, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(1), nn.ReLU())
        self.spatial_out = nn.Conv2d(1, 1, 1)
        self.channel = nn.Sequential(
            nn.Conv2d(in_channels, hidden, 1), nn.ReLU(),
            nn.Conv2d(hidden, in_channels, 1))
        nn.init.constant_(self.spatial_out.weight, 0.1)
        nn.init.normal_(self.channel[-1].weight, std=0.01)
        half = 0.5**0.5
        for layer in (self.spatial_out, self.channel[-1]):
            nn.init.constant_(layer.bias, math.log(half / (1 - half)))

    def forward(self, features: Tensor) -> Tensor:
        """Shared map of a map, both (B, C, H, W)."""
        return self.attend(last_output(features)).shared

    def attend(self, features: Tensor) -> AttendedMap:
        """Split a map (B, C, H, W).

        Raises:
            ValueError: it is no map of ``in_channels`` channels.
        """
        shape = tuple(getattr(features, 'shape', ()))
        if len(shape) != 4 or shape[1] != self.in_channels:
            raise ValueError(
                f'DAAMNeck expects a map (B, {self.in_channels}, H, W), got a '
                f'{type(features).__name__} of shape {shape}: set '
                'attention.in_channels to the channels of the map and '
                'attention.after to a stage that gives a map')
        mean = features.mean(1, keepdim=True)
        spatial = F.interpolate(
            self.spatial(mean), features.shape[2:], mode='bilinear')
        spatial = self.spatial_out(spatial).sigmoid()
        pooled = features.mean((2, 3), keepdim=True)
        channel = self.channel(pooled).sigmoid()
        shared = features * spatial * channel
        return AttendedMap(features, shared, spatial, channel)

    def run(self, backbone: nn.Module,
            inputs: Tensor) -> tuple[Tensor, AttendedMap]:
        """Run a backbone with this attention in it, or behind it.

        The attention is attached for this run alone, so that the backbone,
        the names of its weights and its copies know nothing of it.

        Returns:
            tuple[Tensor, AttendedMap]: last output of the backbone; the split.
        """
        if self.after is None:
            attended = self.attend(last_output(backbone(inputs)))
            return attended.shared, attended
        splits = []

        def split(stage, args, output):
            splits.append(self.attend(output))
            return splits[-1].shared

        handle = stage_of(backbone, self.after).register_forward_hook(split)
        try:
            return last_output(backbone(inputs)), splits[-1]
        finally:
            handle.remove()

    def warn_of_collapse(self, mean: float) -> None:
        """Log a warning, once, where the mean of A is close to 0 or 1."""
        if self._warned or COLLAPSED[0] <= mean <= COLLAPSED[1]:
            return
        self._warned = True
        empty = 'shared' if mean < COLLAPSED[0] else 'specific'
        print_log(
            f'attention has collapsed: its mean is {mean:.3g}, so that the '
            f'domain-{empty} map is nearly empty. Raise the weight of '
            'loss_specific (add `specific_head` if there is none), or lower '
            'the weight of loss_similarity or the learning rate',
            logger='current',
            level=logging.WARNING)
