"""Losses that make shared features of two domains those of one class."""

from abc import ABC, abstractmethod
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmreidmix.checks import check_above, check_fraction
from mmreidmix.distributed import (
    count_roles,
    gather_with_grad,
    mean_over_roles,
)
from mmreidmix.registry import MODELS
from mmreidmix.structures import TrainingBatch


class DomainSimilarityLoss(nn.Module, ABC):
    """Adaptation as one-class classification towards a nominal domain.

    Shared features of both domains shall look as if they came from one, with
    no adversary that tells source from target: Huang et al., DAAM (arXiv
    1905.10529). The paper's formula is not known; each subclass is a form of
    ours. All are means over the images of a role, then over both roles, and 0
    where no process has an image of one of them: there is nothing to adapt
    to, and pulling source features together costs what they know.
    """

    def forward(self, batch: TrainingBatch) -> Tensor:
        """Loss of x (B, D) and of what attention left over (B, D')."""
        return self.compute(batch.x, batch.attended.pooled_specific(),
                            batch.roles)

    def compute(self, shared: Tensor, specific: Tensor,
                roles: Tensor) -> Tensor:
        """Mean loss of domain-shared and domain-specific features, scalar.

        Args:
            shared (Tensor): (B, D), B the same in every process.
            specific (Tensor): (B, D').
            roles (Tensor): (B,) 0 labelled, 1 unlabelled.
        """
        values = self.per_image(shared, specific, roles)
        both = (count_roles(roles) > 0).all()
        return mean_over_roles(values, roles) * both

    @abstractmethod
    def per_image(self, shared: Tensor, specific: Tensor,
                  roles: Tensor) -> Tensor:
        """Loss of each image, (B,); arguments as of :meth:`compute`."""


@MODELS.register_module()
class HypersphereLoss(DomainSimilarityLoss):
    """Pulls features of unit length into a ball around a running centre.

    max(0, ||f - o||^2 - R^2): o is the mean of the running means of the two
    roles, R^2 a quantile of recent squared distances; both without gradient.
    R > 0 leaves identities room. The form is that of support vector data
    description; a reconstruction of DAAM.

    Args:
        in_channels (int): width D of the shared features.
        momentum (float): weight of the past in a running mean, in [0, 1).
        quantile (float): of the distances, in [0, 1).
        window (int): number of recent images.
    """

    def __init__(self,
                 in_channels: int,
                 momentum: float = 0.9,
                 quantile: float = 0.5,
                 window: int = 1024):
        super().__init__()
        check_above(self, 0, in_channels=in_channels, window=window)
        check_fraction(self, momentum=momentum, quantile=quantile)
        self.momentum = momentum
        self.quantile = quantile
        # The mean of a role without an image so far is zeros, and a place
        # that was never filled holds a distance of -1.
        self.register_buffer('means', torch.zeros(2, in_channels))
        self.register_buffer('recent', torch.full((window, ), -1.0))

    def per_image(self, shared: Tensor, specific: Tensor,
                  roles: Tensor) -> Tensor:
        """Squared distance beyond the ball, (B,); in training it moves."""
        f = F.normalize(shared)
        if self.training:
            self._follow(gather_with_grad(f.detach()), gather_with_grad(roles))
        distances = (f - self.centre()).square().sum(1)
        return (distances - self.square_radius()).clamp(min=0)

    def centre(self) -> Tensor:
        """o, (D,)."""
        num_roles = self.means.any(1).sum().clamp(min=1)
        return self.means.sum(0) / num_roles

    def square_radius(self) -> Tensor:
        """R^2, scalar; 0 before the first image."""
        known = self.recent[self.recent >= 0]
        if not len(known):
            return self.recent.new_zeros(())
        return known.quantile(self.quantile)

    @torch.no_grad()
    def _follow(self, f: Tensor, roles: Tensor) -> None:
        """Move means and radius by the images of all processes."""
        f = f.to(self.means)
        members = torch.stack([roles == r for r in (0, 1)]).to(f)
        counts = members.sum(1, keepdim=True)
        new = members @ f / counts.clamp(min=1)
        moved = torch.where(
            self.means.any(1, keepdim=True),
            self.means.lerp(new, 1 - self.momentum), new)
        self.means.copy_(torch.where(counts > 0, moved, self.means))
        distances = (f - self.centre()).square().sum(1)
        recent = torch.cat([self.recent, distances])
        self.recent.copy_(recent[len(distances):])


@MODELS.register_module()
class NominalClassLoss(DomainSimilarityLoss):
    """Tells shared features, the nominal class, from specific ones.

    -log s(h(f)) - log(1 - s(h(g))) with a linear h, s the sigmoid, f shared
    and g specific features. No centre is fixed, and the specific branch
    learns too. A reconstruction of DAAM.

    Args:
        in_channels (int): width D of the shared features.
        specific_channels (int, optional): width D' of the specific ones;
            where it differs, they are first mapped to D linearly. Defaults
            to ``in_channels``.
    """

    def __init__(self,
                 in_channels: int,
                 specific_channels: Optional[int] = None):
        super().__init__()
        self.classifier = nn.Linear(in_channels, 1)
        self.projection = nn.Identity()
        if specific_channels not in (None, in_channels):
            self.projection = nn.Linear(specific_channels, in_channels)

    def per_image(self, shared: Tensor, specific: Tensor,
                  roles: Tensor) -> Tensor:
        """Cross-entropy of both features of each image, (B,)."""
        nominal = self.classifier(shared)[:, 0]
        outlier = self.classifier(self.projection(specific))[:, 0]
        return F.softplus(-nominal) + F.softplus(outlier)


@MODELS.register_module()
class CompactnessLoss(DomainSimilarityLoss):
    """Pulls features of unit length to the mean of all others.

    ||f_i - mean_{j != i} f_j||^2 over the images of all processes, where the
    images of a role weigh as much as those of the other. Perera and Patel,
    "Learning Deep Features for One-Class Classification" (TIP 2019), balanced
    over roles by us; a reconstruction of DAAM.
    """

    def per_image(self, shared: Tensor, specific: Tensor,
                  roles: Tensor) -> Tensor:
        """Squared distance of each image to the others' mean, (B,)."""
        f = F.normalize(shared)
        pool, pool_roles = gather_with_grad(f), gather_with_grad(roles)
        counts = torch.stack([(pool_roles == r).sum() for r in (0, 1)])
        weights = 1 / (counts.clamp(min=1) * (counts > 0).sum()).to(f)
        own = weights[roles][:, None]
        others = weights[pool_roles] @ pool - own * f
        others = others / (1 - own).clamp(min=1e-6)
        distances = (f - others).square().sum(1)
        # One image alone has nothing to be compared with.
        return distances * (len(pool) > 1)
