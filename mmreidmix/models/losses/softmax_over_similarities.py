"""What the losses over similarities share."""

from abc import ABC, abstractmethod
from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmreidmix.checks import check_above, check_choice
from mmreidmix.distributed import mean_of_usable
from mmreidmix.structures import TrainingBatch

NEGATIVES = ('joint', 'separate', 'video', 'certain')


def negative_groups(negatives: str, labels: Tensor, camids: Tensor,
                    num_labelled: int) -> Optional[Tensor]:
    """Images that are each other's negatives.

    Args:
        negatives (str): 'joint', images of every other identity; 'separate',
            those of the same kind of data; 'video', for single-camera images
            those of the same video, so that the background tells nothing;
            'certain', those and the labelled ones, and all for labelled
            images: nobody is compared who may be the same person, for videos
            that show the same people.
        labels (Tensor): identities, shape (B,).
        camids (Tensor): cameras, unique over domains, shape (B,).
        num_labelled (int): identities below it are labelled.

    Returns:
        Tensor | None: group of each image, shape (B,), for
        :func:`comparable`; None: all are.
    """
    if negatives == 'joint':
        return None
    pseudo = (labels >= num_labelled).long()
    if negatives == 'separate':
        return pseudo
    videos = pseudo * (1 + camids)
    if negatives == 'video':
        return videos
    # A labelled person is known to be none of the others.
    return torch.where(videos > 0, videos, -1)


def filled_memory(batch: TrainingBatch, loss: nn.Module):
    """The memory of a batch, with centres of the present identities.

    Raises:
        RuntimeError: there is none, or it holds other identities.
    """
    memory, name = batch.memory, type(loss).__name__
    if memory is None:
        raise RuntimeError(f'{name} compares with centres of identities: set '
                           'model.memory, for instance '
                           "dict(type='CentroidsMemory')")
    if memory.num_classes != batch.num_classes:
        raise RuntimeError(
            f'{name}: the memory holds {memory.num_classes} of '
            f'{batch.num_classes} identities: set default_hooks.memory = '
            "dict(type='MemoryHook'). A run can be resumed between two "
            'clusterings only from a checkpoint saved with the same '
            '`interval`')
    return memory


def negatives_of(labels: Tensor,
              other_labels: Tensor,
              groups: Optional[Tensor] = None,
              other_groups: Optional[Tensor] = None) -> Tensor:
    """Which others are negatives of which anchors, bool, shape (B, M).

    Args:
        labels (Tensor): identities of the anchors, shape (B,).
        other_labels (Tensor): identities of the others, shape (M,).
        groups (Tensor, optional): where given, only others that
            :func:`comparable` finds are negatives, shape (B,).
        other_groups (Tensor, optional): shape (M,).
    """
    different = labels[:, None] != other_labels[None]
    if groups is None:
        return different
    return different & comparable(groups, other_groups)


def comparable(groups: Tensor, other_groups: Tensor) -> Tensor:
    """Pairs of one group, bool, shape (B, M); a negative one goes with all.

    Args:
        groups (Tensor): shape (B,).
        other_groups (Tensor): shape (M,).
    """
    free = (groups < 0)[:, None] | (other_groups < 0)[None]
    return free | (groups[:, None] == other_groups[None])


def scaled_similarity(features: Tensor, others: Tensor,
                      temperature: float) -> Tensor:
    """Cosine / temperature of unit-length rows, never in half precision.

    Args:
        features (Tensor): shape (B, D).
        others (Tensor): shape (M, D).
        temperature (float): above 0.

    Returns:
        Tensor: shape (B, M), at least float32, also under autocast.
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    with torch.autocast(features.device.type, enabled=False):
        return features.to(dtype) @ others.to(dtype).T / temperature


def log_sum_exp(logits: Tensor, which: Tensor) -> Tensor:
    """Logarithm of the sum of exp over the chosen entries of each row.

    Args:
        logits (Tensor): shape (B, M).
        which (Tensor): bool, shape (B, M).

    Returns:
        Tensor: shape (B,); where no entry is chosen, a huge negative number
        without a gradient (minus infinity would have a gradient of NaN).
    """
    nothing = torch.finfo(logits.dtype).min / 2
    filled = logits.masked_fill(~which, nothing)
    if not filled.shape[1]:
        return filled.new_full(filled.shape[:1], nothing)
    return filled.logsumexp(1)


def mean_over_positives(logits: Tensor, positives: Tensor,
                        negatives: Tensor) -> Tensor:
    """Mean over positives p of - log(e^p / (e^p + sum_n e^n)), per anchor.

    Args:
        logits (Tensor): shape (B, M).
        positives (Tensor): bool, shape (B, M).
        negatives (Tensor): log sum exp of the negatives, shape (B,).

    Returns:
        Tensor: shape (B,), 0 for an anchor without positives.
    """
    # Few entries are positives, and softplus is what takes time here.
    anchors, others = positives.nonzero(as_tuple=True)
    terms = F.softplus(negatives[anchors] - logits[anchors, others])
    sums = torch.zeros_like(negatives).index_put((anchors, ), terms,
                                                 accumulate=True)
    return sums / positives.sum(1).clamp(min=1)


class BatchContrastLoss(nn.Module, ABC):
    """Softmax of images over the momentum embeddings of a batch.

    mean_i mean_p - log(e^(f_i m_p / t) / (e^(f_i m_p / t) + sum_n e^(f_i m_n
    / t))): a subclass says what the positives p of an anchor i are; the
    negatives n are images of other identities.

    Args:
        temperature (float): t. Defaults to 0.1.
        negatives (str): see :func:`negative_groups`. Defaults to 'joint'.

    Raises:
        ValueError: an option out of its range.
    """

    def __init__(self, temperature: float = 0.1, negatives: str = 'joint'):
        super().__init__()
        check_above(self, 0, temperature=temperature)
        check_choice(self, NEGATIVES, negatives=negatives)
        self.temperature = temperature
        self.negatives = negatives

    @abstractmethod
    def positives(self, alike: Tensor, own: Tensor) -> Tensor:
        """Positives of each anchor, bool, shape (B, M).

        Args:
            alike (Tensor): keys of the anchor's identity, bool, (B, M).
            own (Tensor): the key of the anchor's own image, bool, (B, M).
        """

    def forward(self, batch: TrainingBatch) -> Tensor:
        """Loss of f (B, D) against the momentum embeddings of a batch.

        Those of all processes are compared with, so that the loss does not
        depend on their number.
        """
        keys = batch.keys
        groups, key_groups = (
            negative_groups(self.negatives, part.labels, part.camids,
                            batch.num_labelled) for part in (batch, keys))
        return self.compute(batch.f, batch.labels, keys.keys, keys.labels,
                            keys.own, groups, key_groups)

    def compute(self,
                features: Tensor,
                labels: Tensor,
                keys: Tensor,
                key_labels: Tensor,
                same: Tensor,
                groups: Optional[Tensor] = None,
                key_groups: Optional[Tensor] = None) -> Tensor:
        """Compute the loss of features.

        Args:
            features (Tensor): anchors of unit length, shape (B, D).
            labels (Tensor): their identities, shape (B,).
            keys (Tensor): momentum embeddings of the batches of all
                processes, of unit length, shape (M, D).
            key_labels (Tensor): shape (M,).
            same (Tensor): where the anchor's own image is among the keys,
                shape (B,).
            groups (Tensor, optional): where given, negatives are of the
                anchor's group, see :func:`comparable`, shape (B,).
            key_groups (Tensor, optional): shape (M,).

        Returns:
            Tensor: scalar, mean over the anchors that have a positive.
        """
        logits = scaled_similarity(features, keys, self.temperature)
        negatives = negatives_of(labels, key_labels, groups, key_groups)
        alike = labels[:, None] == key_labels[None]
        own = torch.zeros_like(alike).scatter(1, same[:, None], True)
        positives = self.positives(alike, own)
        losses = mean_over_positives(logits, positives,
                                     log_sum_exp(logits, negatives))
        return mean_of_usable(losses, positives.any(1))
