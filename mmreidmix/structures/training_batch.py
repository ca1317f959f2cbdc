"""One training batch, unpacked once: what every loss takes."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Optional

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_rank
from torch import Tensor

from mmreidmix.distributed import gather_with_grad


class Encoded(NamedTuple):
    """Features of B images, at least float32 but for the map.

    Attributes:
        x (Tensor): (B, D) features before the BNNeck.
        b (Tensor): (B, D) features behind it.
        attended (AttendedMap, optional): the map as attention has split it.
    """

    x: Tensor
    b: Tensor
    attended: Any = None


class Keys(NamedTuple):
    """Momentum embeddings of the batches of all processes, M images.

    Attributes:
        keys (Tensor): (M, D) unit length.
        labels (Tensor): (M,) identities.
        camids (Tensor): (M,) cameras.
        own (Tensor): (B,) rows of the images of this process.
    """

    keys: Tensor
    labels: Tensor
    camids: Tensor
    own: Tensor


@dataclass
class TrainingBatch:
    """The images of one iteration in one process.

    Attributes:
        encoded (Encoded): features of the images.
        labels (Tensor): (B,) identities.
        num_labelled (int): labelled identities; those from this number on
            are pseudo identities.
        num_classes (int): all identities at present.
        camids (Tensor, optional): (B,) cameras, unique over the domains.
        indices (np.ndarray, optional): (B,) images of the mixture.
        momentum (Tensor, optional): (B, D) embeddings by the momentum
            encoder, unit length.
        memory (CentroidsMemory, optional): centres of the identities.
        whole (TrainingBatch, optional): the batch that this is a part of.
        rows (Tensor, optional): bool, which of its images.
    """

    encoded: Encoded
    labels: Tensor
    num_labelled: int
    num_classes: int
    camids: Optional[Tensor] = None
    indices: Optional[np.ndarray] = None
    momentum: Optional[Tensor] = None
    memory: Any = None
    whole: Optional['TrainingBatch'] = None
    rows: Optional[Tensor] = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def x(self) -> Tensor:
        """Features before the BNNeck, (B, D)."""
        if self.whole is not None:
            return self.whole.x[self.rows]
        return self.encoded.x

    @property
    def b(self) -> Tensor:
        """Features behind the BNNeck, (B, D)."""
        if self.whole is not None:
            return self.whole.b[self.rows]
        return self.encoded.b

    @cached_property
    def f(self) -> Tensor:
        """Embeddings: b with unit length, (B, D)."""
        if self.whole is not None:
            return self.whole.f[self.rows]
        return F.normalize(self.b)

    @property
    def roles(self) -> Tensor:
        """0 for images of labelled domains, 1 for others, (B,)."""
        return (self.labels >= self.num_labelled).long()

    @property
    def attended(self) -> Any:
        """The map as attention has split it; None without attention."""
        return self.encoded.attended

    @cached_property
    def keys(self) -> Keys:
        """Momentum embeddings of all processes.

        Raises:
            RuntimeError: there is no momentum encoder or no second view, or
                this is a part: parts differ in size between processes.
        """
        if self.whole is not None:
            raise RuntimeError('a part of a batch has no keys: take those of '
                               'the whole batch, then select')
        if self.momentum is None:
            raise RuntimeError(
                'a loss needs momentum embeddings of the batch: set '
                "model.momentum_encoder=dict(type='MomentumEncoder') and put "
                "dict(type='TwoViews', ...) into the training pipeline")
        assert self.camids is not None  # of every batch with images
        first = get_rank() * len(self)
        own = torch.arange(first, first + len(self), device=self.labels.device)
        return Keys(
            gather_with_grad(self.momentum), gather_with_grad(self.labels),
            gather_with_grad(self.camids), own)

    def labelled(self) -> 'TrainingBatch':
        """The images of labelled domains, among labelled identities alone."""
        return replace(
            self.select(self.roles == 0), num_classes=self.num_labelled)

    def unlabelled(self) -> 'TrainingBatch':
        """The images of unlabelled domains: all are in a cluster."""
        return self.select(self.roles == 1)

    def select(self, rows: Tensor) -> 'TrainingBatch':
        """The part of the batch where ``rows`` (B,) is true."""
        own = rows.cpu().numpy()
        return replace(
            self,
            labels=self.labels[rows],
            camids=None if self.camids is None else self.camids[rows],
            indices=None if self.indices is None else self.indices[own],
            momentum=None if self.momentum is None else self.momentum[rows],
            whole=self,
            rows=rows)

    def share(self) -> Tensor:
        """Weight of these images among those of all processes.

        Times it, the mean over the images of a part in a process is the share
        of the mean over all processes. Every process must call it.
        """
        count = self.b.new_full((), len(self))
        all_reduce(count, op='mean')
        return len(self) / count.clamp(min=1e-6)


def full_precision(x: Tensor) -> Tensor:
    """Half-precision features as float32, others as they are."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
