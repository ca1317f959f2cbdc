"""Functions that the losses over similarities share."""

from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmreidmix.structures import TrainingBatch

NEGATIVES = ('joint', 'separate', 'video', 'certain')


def comparable_pairs(negatives: str, batch: TrainingBatch, labels: Tensor,
                     camids: Tensor) -> Optional[Tensor]:
    """Pairs of images that may be each other's negatives.

    Args:
        negatives (str): 'joint', all pairs; 'separate', pairs of one role;
            'video', as 'separate', but unlabelled images inside their video
            alone, so that the background tells nothing; 'certain', as
            'video', but labelled images pair up with all: nobody is compared
            who may be the same person, for videos of the same people.
        batch (TrainingBatch): B images.
        labels (Tensor): (M,) identities of what they are compared with.
        camids (Tensor): (M,) cameras of it, unique over domains.

    Returns:
        Tensor | None: (B, M) bool; None: all pairs.
    """
    if negatives == 'joint':
        return None
    # 0 for labelled images, the video of others.
    videos = batch.roles * (1 + batch.camids)
    other_videos = (labels >= batch.num_labelled) * (1 + camids)
    if negatives == 'separate':
        return (videos > 0)[:, None] == (other_videos > 0)
    pairs = videos[:, None] == other_videos
    if negatives == 'certain':
        # A labelled person is known to be none of the others.
        pairs |= (videos == 0)[:, None] | (other_videos == 0)
    return pairs


def filled_memory(batch: TrainingBatch, loss: nn.Module) -> Any:
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


def scaled_similarity(features: Tensor, others: Tensor,
                      temperature: float) -> Tensor:
    """Cosine / temperature (B, M) of unit-length rows (B, D) and (M, D).

    It is at least float32, also under autocast.
    """
    dtype = torch.promote_types(features.dtype, torch.float32)
    with torch.autocast(features.device.type, enabled=False):
        return features.to(dtype) @ others.to(dtype).T / temperature


def log_sum_exp(logits: Tensor, which: Tensor) -> Tensor:
    """Logarithm of the sum of exp over the chosen entries of each row, (B,).

    Where no entry is chosen it is a huge negative number without a gradient
    (minus infinity would have a gradient of NaN).

    Args:
        logits (Tensor): (B, M).
        which (Tensor): (B, M), bool.
    """
    nothing = torch.finfo(logits.dtype).min / 2
    filled = logits.masked_fill(~which, nothing)
    if not filled.shape[1]:
        return filled.new_full(filled.shape[:1], nothing)
    return filled.logsumexp(1)


def mean_over_positives(logits: Tensor, positives: Tensor,
                        negatives: Tensor) -> Tensor:
    """Mean over positives p of - log(e^p / (e^p + sum_n e^n)), (B,).

    It is 0 for an anchor without positives.

    Args:
        logits (Tensor): (B, M).
        positives (Tensor): (B, M), bool.
        negatives (Tensor): (B,) log sum exp of the negatives.
    """
    # Few entries are positives, and softplus is what takes time here.
    anchors, others = positives.nonzero(as_tuple=True)
    terms = F.softplus(negatives[anchors] - logits[anchors, others])
    sums = torch.zeros_like(negatives).index_put((anchors, ), terms,
                                                 accumulate=True)
    return sums / positives.sum(1).clamp(min=1)
