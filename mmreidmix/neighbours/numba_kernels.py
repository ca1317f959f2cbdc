"""Compiled row kernels, and the threads that share the rows."""
from concurrent.futures import ThreadPoolExecutor

import numba
import torch


def compiled(function=None, **options):
    """Compile a row kernel: no Python lock held, kept on disk if possible.

    A kernel on disk is compiled anew when its own file changes, not when a
    kernel of another file that it calls does: delete ``__pycache__`` after
    such an edit.

    Args:
        function (callable): Function that numba's nopython mode accepts.
        **options: Further options of ``numba.njit``.
    """
    if function is None:
        return lambda function: compiled(function, **options)
    try:
        return numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache can be written to
        return numba.njit(nogil=True, **options)(function)


def over_rows(kernel, num_rows, *arrays, threads=None, chunk=1024):
    """Run ``kernel(*arrays, first, last)`` over consecutive ranges of rows.

    Python threads are used rather than numba's own: they leave every global
    thread setting of torch, OpenMP and numba alone.

    Args:
        kernel (callable): A kernel without the Python lock, see
            :func:`compiled`; one row must not depend on another's result.
        num_rows (int): Rows in all.
        *arrays: Passed on.
        threads (int, optional): Threads; default ``torch.get_num_threads()``,
            which obeys ``OMP_NUM_THREADS``.
        chunk (int): Rows of one call.

    Yields:
        What the kernel returned, in the order of the rows.
    """
    ranges = [(first, min(first + chunk, num_rows))
              for first in range(0, num_rows, chunk)]
    threads = torch.get_num_threads() if threads is None else threads
    if threads <= 1 or len(ranges) == 1:
        for first, last in ranges:
            yield kernel(*arrays, first, last)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(lambda ends: kernel(*arrays, *ends), ranges)
    finally:
        pool.shutdown(cancel_futures=True)
