"""A model that is small and untrained, and pictures."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from tests.tiny import tiny_config

THRESHOLDS = dict(
    similarity='cosine',
    domain='toy',
    thresholds=[
        dict(fmr=0.01, threshold=0.5, low=0.4, high=0.6, measured_fmr=0.01,
             tpr=0.9, supported=True),
        dict(fmr=0.001, threshold=0.8, low=0.7, high=0.9, measured_fmr=0.001,
             tpr=0.5, supported=False),
    ])


def write_checkpoint(path: Path, cfg: Config, **meta) -> Path:
    """A checkpoint as MMEngine writes it, of an untrained model."""
    from mmreidmix.registry import MODELS
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for module in model.modules():  # statistics that are not those of init
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    meta = dict(cfg=cfg.pretty_text, epoch=3, seed=7, **meta)
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    return path


@pytest.fixture(scope='session')
def checkpoint(toy, tmp_path_factory) -> Path:
    """A checkpoint with thresholds."""
    path = tmp_path_factory.mktemp('model') / 'epoch_3.pth'
    return write_checkpoint(path, tiny_config(toy), thresholds=THRESHOLDS)


@pytest.fixture(scope='session')
def pictures(toy) -> list:
    """Paths of gallery pictures of the style 'unseen'."""
    return sorted((toy / 'unseen').glob('*/bounding_box_test/*.jpg'))[:12]
