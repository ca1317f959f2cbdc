"""What a gallery is given, checked.

Whatever does not fit raises ValueError, which names the first image.
"""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
import torch

from .image_table import META
from .vectors import BLOCK


def checked_embeddings(embeddings: Union[np.ndarray, torch.Tensor], dim: int,
                       names: Optional[Sequence[str]] = None) -> np.ndarray:
    """Embeddings (n, dim) of any float type, if each has a direction.

    They become an array of float16, 32 or 64, not copied where they are one.
    NaN, infinity and embeddings of zeros only are refused.
    """
    if isinstance(embeddings, torch.Tensor):
        embeddings = embeddings.detach().cpu()
        if embeddings.dtype == torch.bfloat16:
            embeddings = embeddings.float()
    array = np.asarray(embeddings)
    if array.ndim != 2 or array.dtype.kind != 'f':
        raise ValueError('embeddings: expected floats of shape (n, '
                         f'{dim}), got {array.dtype} of shape {array.shape}')
    if array.shape[1] != dim:
        raise ValueError(
            f'embeddings of {array.shape[1]} dimensions for a gallery of '
            f'{dim}: they are from another model')
    largest = np.empty(len(array))
    for first in range(0, len(array), BLOCK):
        part = slice(first, first + BLOCK)
        largest[part] = np.abs(array[part]).max(1)
    for bad, what in ((~np.isfinite(largest), 'hold NaN or infinity'),
                      (largest == 0, 'are zero and have no direction')):
        rows = np.flatnonzero(bad)
        if len(rows):
            name = '' if names is None else f' ({names[rows[0]]!r})'
            raise ValueError(f'{len(rows)} embeddings {what}: the first is '
                             f'row {rows[0]}{name}')
    return array


def checked_names(names: Sequence[str], num: int) -> list[str]:
    """Names as a list, if they are ``num`` different texts."""
    if isinstance(names, str):
        raise ValueError(f'names must be a sequence of texts, got {names!r}')
    names = [str(name) for name in names]
    if len(names) != num:
        raise ValueError(f'{len(names)} names for {num} embeddings')
    if len(set(names)) < num:
        known: set[str] = set()
        twice = next(n for n in names if n in known or known.add(n))
        raise ValueError(
            f'{twice!r} is given more than once: a name stands for one '
            'image. Tell several persons of one image apart in the name, '
            "as in 'frame_0012.jpg#2'")
    return names


def checked_meta(num: int, camids: Optional[Sequence[int]],
                 times: Optional[Sequence[float]],
                 tracklets: Optional[Sequence[int]]) -> np.ndarray:
    """What is known of ``num`` images, (num,) of type META; the ids are 0.

    Cameras, times and tracklets are those of :meth:`Gallery.add`; a wrong
    length or type, or a number below -1, is refused.
    """
    meta = np.zeros(num, META)
    for name, values in (('camid', camids), ('tracklet', tracklets)):
        meta[name] = -1 if values is None else integers(
            values, f'{name}s', num)
        if (meta[name] < -1).any():
            raise ValueError(f'{name}s must be -1 (not known) or more, got '
                             f'{meta[name].min()}')
    array = np.full(num, np.nan) if times is None else np.asarray(times)
    if array.shape != (num,) or array.dtype.kind not in 'iuf':
        raise ValueError(f'times must be {num} numbers, got {array.dtype} of '
                         f'shape {array.shape}')
    if np.isinf(array).any():
        raise ValueError('times must be finite, or NaN where not known')
    meta['time'] = array
    return meta


def integers(values: Sequence[int], name: str,
             num: Optional[int] = None) -> np.ndarray:
    """A sequence of integers, ``num`` of them if given, as (n,) int64."""
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if (array.ndim != 1 or array.dtype.kind not in 'iu'
            or num not in (None, len(array))):
        expected = 'a sequence of' if num is None else num
        raise ValueError(f'{name} must be {expected} integers, got '
                         f'{array.dtype} of shape {array.shape}')
    return array.astype(np.int64)
