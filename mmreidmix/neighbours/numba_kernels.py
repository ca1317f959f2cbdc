"""Compiled row kernels, and the threads that share the rows."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Optional

import numba
import torch
from numba.core import event

from .progress import Progress

logger = logging.getLogger(__name__)

# Bytes of float32 rows that stay in the cache from one step to the next.
_CACHED_BYTES = 2 << 20


class _SaysSo(event.Listener):
    """Says once that kernels of this package are compiled."""

    silent = False

    def on_start(self, event: event.Event) -> None:
        """Called where a kernel is not found on disk."""
        module = event.data['dispatcher'].py_func.__module__
        if not self.silent and module.startswith('mmreidmix.'):
            self.silent = True
            logger.info('compiling kernels of neighbours and rankings: up to '
                        '20 s, once on a computer')

    def on_end(self, event: event.Event) -> None:
        """Nothing more to say."""


event.register('numba:compile', _SaysSo())


def compiled(function: Optional[Callable] = None,
             **options: Any) -> Callable[..., Any]:
    """Compile a row kernel: no Python lock held, kept on disk if possible.

    A kernel on disk is compiled anew when its own file changes, not when a
    kernel of another file that it calls does: delete ``__pycache__`` after
    such an edit.

    Args:
        function (Callable): function that numba's nopython mode accepts.
        **options: further options of ``numba.njit``.
    """
    if function is None:
        return lambda function: compiled(function, **options)
    try:
        return numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written to
        return numba.njit(nogil=True, **options)(function)


def over_rows(kernel: Callable[..., Any], num_rows: int, *arrays: Any,
              threads: Optional[int] = None, chunk: Optional[int] = None,
              what: Optional[str] = None) -> Iterator[Any]:
    """Run ``kernel(*arrays, first, last)`` over consecutive ranges of rows.

    Python threads are used rather than numba's own: they leave every global
    thread setting of torch, OpenMP and numba alone.

    Args:
        kernel (Callable): a kernel without the Python lock, see
            :func:`compiled`. A row must not depend on the result of another.
        num_rows (int): rows in all.
        *arrays: passed on.
        threads (int, optional): default ``torch.get_num_threads()``, which
            obeys ``OMP_NUM_THREADS``.
        chunk (int, optional): rows of one call. By default there are at most
            65 calls, since many kernels set up O(N) scratch arrays.
        what (str, optional): name of the work, to log its progress.

    Yields:
        What the kernel returned, in the order of the rows.
    """
    chunk = chunk or max(1024, num_rows // 64)
    ranges = [(first, min(first + chunk, num_rows))
              for first in range(0, num_rows, chunk)]
    threads = torch.get_num_threads() if threads is None else threads
    progress = Progress(what, num_rows) if what else None
    pool = (ThreadPoolExecutor(threads)
            if threads > 1 and len(ranges) > 1 else None)
    try:
        results = (pool.map if pool else map)(
            lambda ends: kernel(*arrays, *ends), ranges)
        for (first, last), result in zip(ranges, results):
            if progress:
                progress.add(last - first)
            yield result
    finally:
        if pool:
            pool.shutdown(cancel_futures=True)


def fill_rows(kernel: Callable[..., Any], num_rows: int, *arrays: Any,
              **options: Any) -> None:
    """:func:`over_rows` for a kernel that fills its arrays."""
    deque(over_rows(kernel, num_rows, *arrays, **options), maxlen=0)


def cached_blocks(num: int, dim: int) -> list[slice]:
    """Consecutive rows of (num, dim) float32 that stay in the cache."""
    step = max(1, _CACHED_BYTES // (4 * max(dim, 1)))
    return [slice(a, min(a + step, num)) for a in range(0, num, step)]
