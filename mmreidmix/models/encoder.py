"""From images to features: the parts of an encoder, in a row."""

from typing import Any

import torch.nn as nn
from torch import Tensor

from mmreidmix.structures import Encoded

#: Parts of an encoder, in the order in which they are applied.
ENCODER_PARTS = ('backbone', 'attention', 'neck', 'bnneck')


def encode(parts: nn.Module, images: Tensor) -> Encoded:
    """Encode images: backbone, attention, neck, BNNeck.

    Args:
        parts (nn.Module): has the modules of :data:`ENCODER_PARTS`, such as a
            model or its momentum encoder; ``attention`` may be None or
            missing.
        images (Tensor): normalised, shape (B, 3, H, W).

    Returns:
        Encoded: features before and behind the BNNeck, shape (B, D) each,
        and what attention has made of the map.
    """
    attention, attended = getattr(parts, 'attention', None), None
    if attention is None:
        features = last_output(parts.backbone(images))
    else:
        features, attended = attention.run(parts.backbone, images)
    x = last_output(parts.neck(features))
    return Encoded(x, parts.bnneck(x), attended)


def last_output(outputs: Any) -> Any:
    """The last of several outputs (MMPretrain gives tuples), or the only."""
    return outputs[-1] if isinstance(outputs, (tuple, list)) else outputs
