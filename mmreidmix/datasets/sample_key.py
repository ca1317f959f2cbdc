"""Random numbers that belong to a sample, not to a process."""

import random
from collections.abc import Iterator
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
def seeded(seed: int) -> Iterator[None]:
    """Run a block with Python, NumPy and torch (CPU) seeded.

    Afterwards torch goes on from where it was, because dropout in the main
    process draws from it. Python and NumPy stay seeded: saving and restoring
    NumPy's state takes as long as decoding an image.
    """
    random.seed(seed)
    np.random.seed(seed)
    # torch.manual_seed would seed every device, which takes 0.3 ms.
    generator = torch.default_generator
    state = generator.get_state()
    generator.manual_seed(seed)
    try:
        yield
    finally:
        generator.set_state(state)
