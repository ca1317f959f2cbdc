"""Wall-clock durations by name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(seconds: dict, name: str) -> Iterator[None]:
    """Add the duration of a block to ``seconds[name]``.

    Examples:
        >>> seconds = {}
        >>> with timed(seconds, 'search'):
        ...     pass
        >>> list(seconds)
        ['search']
    """
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[name] = seconds.get(name, 0.) + time.perf_counter() - start
