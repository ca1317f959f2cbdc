"""An untrained embedder, and a frame in which every place is different."""

import numpy as np
import pytest

from mmreidmix.apis import TrackerEmbedder


@pytest.fixture(scope='session')
def embedder(checkpoint):
    return TrackerEmbedder(checkpoint, 'cpu', batch_size=2, amp=False)


@pytest.fixture(scope='session')
def frame():
    """BGR, (90, 120, 3)."""
    return np.random.default_rng(0).integers(
        256, size=(90, 120, 3), dtype=np.uint8)
