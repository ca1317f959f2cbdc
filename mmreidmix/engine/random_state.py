"""The random numbers of this process: Python, NumPy and torch."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch


def random_state() -> dict:
    """What :func:`set_random_state` takes; a safe loader reads it."""
    name, keys, *rest = np.random.get_state()
    return dict(
        python=random.getstate(),
        numpy=(name, torch.from_numpy(keys.astype(np.int64)), *rest),
        torch=torch.get_rng_state(),
        cuda=torch.cuda.get_rng_state() if torch.cuda.is_available() else None)


def set_random_state(state: Mapping) -> None:
    """Go on with the random numbers from where :func:`random_state` was."""
    name, keys, *rest = state['numpy']
    random.setstate(state['python'])
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state['torch'])
    if state['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'])


@contextmanager
def same_random_numbers() -> Iterator[None]:
    """What is drawn inside changes nothing that is drawn behind it."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
