"""A model that is small and untrained, and pictures."""

from pathlib import Path

import pytest

from tests.tiny import tiny_config
from tests.tiny_checkpoint import write_checkpoint

THRESHOLDS = dict(
    similarity='cosine',
    domain='toy',
    thresholds=[
        dict(fmr=0.01, threshold=0.5, low=0.4, high=0.6, measured_fmr=0.01,
             tpr=0.9, supported=True),
        dict(fmr=0.001, threshold=0.8, low=0.7, high=0.9, measured_fmr=0.001,
             tpr=0.5, supported=False),
    ])


@pytest.fixture(scope='session')
def checkpoint(toy, tmp_path_factory) -> Path:
    """A checkpoint with thresholds."""
    path = tmp_path_factory.mktemp('model') / 'epoch_3.pth'
    return write_checkpoint(path, tiny_config(toy), thresholds=THRESHOLDS)


@pytest.fixture(scope='session')
def pictures(toy) -> list:
    """Paths of gallery pictures of the style 'unseen'."""
    return sorted((toy / 'unseen').glob('*/bounding_box_test/*.jpg'))[:12]
