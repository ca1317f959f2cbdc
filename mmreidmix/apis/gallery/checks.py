"""What a gallery is given, checked, with errors that name the image."""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
import torch

from mmreidmix.neighbours import normalise

from .memory_table import META
from .vectors import BLOCK


def checked_embeddings(embeddings, dim: int, names=None) -> np.ndarray:
    """Embeddings as an array, if each has a direction.

    Args:
        embeddings (np.ndarray | Tensor): (n, D) of any float type.
        dim (int): the D that is expected.
        names (Sequence[str], optional): of the rows, for messages.

    Returns:
        np.ndarray: (n, D) float16, 32 or 64; not copied where it is one.

    Raises:
        ValueError: another shape or type, or rows with NaN or infinity, or
            of zeros only; names the first of them.
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
    _refuse(~np.isfinite(largest), 'hold NaN or infinity', names)
    _refuse(largest == 0, 'are zero and have no direction', names)
    return array


def _refuse(bad, what, names):
    rows = np.flatnonzero(bad)
    if not len(rows):
        return
    first = f' ({names[rows[0]]!r})' if names is not None else ''
    raise ValueError(f'{len(rows)} embeddings {what}: the first is row '
                     f'{rows[0]}{first}')


def unit_rows(embeddings: np.ndarray, places: Sequence[np.ndarray]) -> None:
    """Write embeddings, made of length 1, to arrays that share their rows."""
    first = 0
    for place in places:
        normalise(embeddings[first:first + len(place)], out=place)
        first += len(place)


def checked_names(names: Sequence[str], num: int) -> list[str]:
    """Names as a list.

    Raises:
        ValueError: not ``num`` texts, or one is given twice.
    """
    if isinstance(names, str):
        raise ValueError(f'names must be a sequence of texts, got {names!r}')
    names = [str(name) for name in names]
    if len(names) != num:
        raise ValueError(f'{len(names)} names for {num} embeddings')
    if len(set(names)) < num:
        seen = set()
        twice = next(n for n in names if n in seen or seen.add(n))
        raise ValueError(
            f'{twice!r} is given more than once: a name stands for one '
            'image. Tell several persons of one picture apart in the name, '
            "as in 'frame_0012.jpg#2'")
    return names


def checked_meta(num: int, camids, times, tracklets) -> np.ndarray:
    """Columns of a gallery, without ids.

    Args:
        num (int): images n.
        camids (Sequence[int], optional): (n,), -1 = not known.
        times (Sequence[float], optional): (n,), NaN = not known.
        tracklets (Sequence[int], optional): (n,), -1 = none.

    Returns:
        np.ndarray: (n,) of type :data:`~.rows.META`; the ids are 0.

    Raises:
        ValueError: a wrong length or type, or a number below -1.
    """
    meta = np.zeros(num, META)
    for name, values in (('camid', camids), ('tracklet', tracklets)):
        meta[name] = -1 if values is None else integers(
            values, f'{name}s', num)
        if (meta[name] < -1).any():
            raise ValueError(f'{name}s must be -1 (not known) or more, got '
                             f'{meta[name].min()}')
    if times is None:
        times = np.full(num, np.nan)
    times = np.asarray(times)
    if times.shape != (num,) or times.dtype.kind not in 'iuf':
        raise ValueError(f'times must be {num} numbers, got {times.dtype} of '
                         f'shape {times.shape}')
    if np.isinf(times).any():
        raise ValueError('times must be finite, or NaN where not known')
    meta['time'] = times
    return meta


def integer(value, name: str, least: int = 1) -> int:
    """An integer of any type as int.

    Raises:
        ValueError: it is none, or below ``least``.
    """
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f'{name} must be an integer of at least {least}, '
                         f'got {value!r}')
    return int(value)


def integers(values, name: str, num=None) -> np.ndarray:
    """A sequence of integers as (n,) int64.

    Raises:
        ValueError: it is none, or not ``num`` of them.
    """
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if (array.ndim != 1 or array.dtype.kind not in 'iu'
            or num not in (None, len(array))):
        expected = 'a sequence of' if num is None else num
        raise ValueError(f'{name} must be {expected} integers, got '
                         f'{array.dtype} of shape {array.shape}')
    return array.astype(np.int64)
