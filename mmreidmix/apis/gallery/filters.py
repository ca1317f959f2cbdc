"""Which images a search may find."""

import numpy as np

from .checks import integers
from .rows import Rows


def passing_rows(rows: Rows, camids=None, exclude_camids=None,
                 times=None) -> np.ndarray:
    """Images that are there and pass every filter.

    Args:
        rows (Rows): N images.
        camids (Sequence[int], optional): only images of these cameras; none
            whose camera is not known.
        exclude_camids (Sequence[int], optional): no images of these cameras;
            those whose camera is not known pass.
        times (tuple, optional): (begin, end) with begin <= time < end; None
            for an open end. Images whose time is not known do not pass.

    Returns:
        np.ndarray: (N,) bool.

    Raises:
        ValueError: a filter is not of this form.
    """
    mask = rows.live.copy()
    if camids is not None:
        mask &= np.isin(rows.meta['camid'], integers(camids, 'camids'))
        mask &= rows.meta['camid'] >= 0
    if exclude_camids is not None:
        mask &= ~np.isin(rows.meta['camid'], np.setdiff1d(
            integers(exclude_camids, 'exclude_camids'), [-1]))
    if times is not None:
        begin, end = _interval(times)
        mask &= (rows.meta['time'] >= begin) & (rows.meta['time'] < end)
    return mask


def _interval(times):
    try:
        begin, end = times
        begin = -np.inf if begin is None else float(begin)
        end = np.inf if end is None else float(end)
    except (TypeError, ValueError):
        raise ValueError('times must be (begin, end), numbers or None, got '
                         f'{times!r}') from None
    if not begin < end:
        raise ValueError(f'times: the begin {begin} is not before the end '
                         f'{end}')
    return begin, end
