"""Functions that the losses over similarities share."""

from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmreidmix.structures import TrainingBatch

NEGATIVES = ('joint', 'separate', 'video', 'certain')


def negative_groups(negatives: str, labels: Tensor, camids: Tensor,
                    num_labelled: int) -> Optional[Tensor]:
    """Groups of images that are each other's negatives.

    Args:
        negatives (str): 'joint', images of every other identity; 'separate',
            those of the same kind of data; 'video', for single-camera images
            those of the same video, so that the background tells nothing;
            'certain', those and the labelled ones, and all for labelled
            images: nobody is compared who may be the same person, for videos
            that show the same people.
        labels (Tensor): (B,) identities.
        camids (Tensor): (B,) cameras, unique over domains.
        num_labelled (int): identities below it are labelled.

    Returns:
        Tensor | None: (B,) group of each image, for :func:`comparable`;
        None: all images are in one.
    """
    if negatives == 'joint':
        return None
    roles = (labels >= num_labelled).long()
    if negatives == 'separate':
        return roles
    videos = roles * (1 + camids)
    if negatives == 'video':
        return videos
    # A labelled person is known to be none of the others.
    return torch.where(videos > 0, videos, -1)


def comparable(groups: Tensor, other_groups: Tensor) -> Tensor:
    """Pairs of one group, bool, (B, M); a negative one goes with all.

    Args:
        groups (Tensor): (B,).
        other_groups (Tensor): (M,).
    """
    free = (groups < 0)[:, None] | (other_groups < 0)
    return free | (groups[:, None] == other_groups)


def filled_memory(batch: TrainingBatch, loss: nn.Module) -> Any:
    """The memory of a batch, with centres of the present identities.

    Raises:
        RuntimeError: there is none, or it holds other identities.
    """
    memory, name = batch.memory, type(loss).__name__
    if memory is None:
        raise RuntimeError(f'{name} compares with centres of identities: set '
                           "model.memory = dict(type='CentroidsMemory')")
    if memory.num_classes != batch.num_classes:
        raise RuntimeError(
            f'{name}: the memory holds {memory.num_classes} of '
            f'{batch.num_classes} identities: set default_hooks.memory = '
            "dict(type='MemoryHook'). A run can be resumed between two "
            'clusterings only from a checkpoint saved with the same '
            '`interval`')
    return memory


def scaled_similarity(features: Tensor, others: Tensor,
                      temperature: float) -> Tensor:
    """Cosine / temperature of unit-length rows, never in half precision.

    Args:
        features (Tensor): (B, D).
        others (Tensor): (M, D).
        temperature (float): above 0.

    Returns:
        Tensor: (B, M), at least float32, also under autocast.
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    with torch.autocast(features.device.type, enabled=False):
        return features.to(dtype) @ others.to(dtype).T / temperature


def log_sum_exp(logits: Tensor, which: Tensor) -> Tensor:
    """Logarithm of the sum of exp over the chosen entries of each row.

    Args:
        logits (Tensor): (B, M).
        which (Tensor): (B, M), bool.

    Returns:
        Tensor: (B,); where no entry is chosen, a huge negative number
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
        logits (Tensor): (B, M).
        positives (Tensor): (B, M), bool.
        negatives (Tensor): (B,) log sum exp of the negatives.

    Returns:
        Tensor: (B,), 0 for an anchor without positives.
    """
    # Few entries are positives, and softplus is what takes time here.
    anchors, others = positives.nonzero(as_tuple=True)
    terms = F.softplus(negatives[anchors] - logits[anchors, others])
    sums = torch.zeros_like(negatives).index_put((anchors, ), terms,
                                                 accumulate=True)
    return sums / positives.sum(1).clamp(min=1)
