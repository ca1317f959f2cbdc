"""Samples of a batch, put together in the loading worker."""

from collections.abc import Mapping, Sequence

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import FUNCTIONS


@FUNCTIONS.register_module()
def stack_images(samples: Sequence[Mapping]) -> dict:
    """MMEngine's ``pseudo_collate``, but images of one size are one tensor.

    Each tensor that a worker hands over takes a file handle, of which a
    process has few (``ulimit -n``).
    """
    batch = pseudo_collate(samples)
    images = batch['inputs']
    if len({image.shape for image in images}) == 1:
        batch['inputs'] = torch.stack(images)
    return batch
