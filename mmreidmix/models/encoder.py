"""From images to features: the parts of an encoder, in a row."""

from typing import Any

import torch
from torch import Tensor, nn

from mmreidmix.structures import Encoded, full_precision

#: Parts of an encoder, in the order in which they are applied.
ENCODER_PARTS = ('backbone', 'attention', 'neck', 'bnneck')


def encode(parts: nn.Module, images: Tensor) -> Encoded:
    """Encode images: backbone, attention, neck, BNNeck.

    Autocast is for the first two: pooling, projection and normalisation run
    in at least float32.

    Args:
        parts (nn.Module): has the modules of :data:`ENCODER_PARTS`, such as a
            model or its momentum encoder; ``attention`` may be None or
            missing.
        images (Tensor): (B, 3, H, W), normalised.
    """
    attention, attended = getattr(parts, 'attention', None), None
    if attention is None:
        features = last_output(parts.backbone(images))
    else:
        features, attended = attention.run(parts.backbone, images)
    with torch.autocast(images.device.type, enabled=False):
        x = last_output(parts.neck(full_precision(last_output(features))))
        return Encoded(x, parts.bnneck(x), attended)


def last_output(outputs: Any) -> Any:
    """The last of several outputs (MMPretrain gives tuples), or the only."""
    return outputs[-1] if isinstance(outputs, (tuple, list)) else outputs


def stage_of(backbone: nn.Module, after: str) -> nn.Module:
    """Find the stage behind which attention is built in, such as 'layer3.0'.

    Raises:
        ValueError: the backbone has no such submodule.
    """
    try:
        return backbone.get_submodule(after)
    except AttributeError as error:
        names = [name for name, _ in backbone.named_children()]
        raise ValueError(
            f'attention.after={after!r} is no submodule of '
            f'{type(backbone).__name__}: expected one of {names} or a dotted '
            'name below them') from error
