"""Checkpoints of models that were never trained."""

from pathlib import Path

import torch
from mmengine.config import Config

from mmreidmix.registry import MODELS


def write_checkpoint(path: Path, cfg: Config, **meta) -> Path:
    """A checkpoint as MMEngine writes it, of an untrained model."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for module in model.modules():  # statistics that are not those of init
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    meta = dict(cfg=cfg.pretty_text, epoch=3, seed=7, **meta)
    torch.save(dict(meta=meta, state_dict=model.state_dict()), path)
    return path
