"""Random numbers that belong to a sample, not to a process."""

import random
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch


class SampleKey(NamedTuple):
    """What a sampler yields: which image, and the seed of its augmentation.

    With it the augmented image does not depend on the number of workers, the
    number of processes, or on whether the run was resumed.
    """

    index: int
    seed: int


@contextmanager
def seeded(seed: int):
    """Run a block with Python, NumPy and torch (CPU) seeded, then go back.

    Args:
        seed (int): 0 <= seed < 2**31.
    """
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
