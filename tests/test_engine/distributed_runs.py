"""One of several gloo processes, or one alone: whole trainings, in double."""

import sys
from functools import partial
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.registry import DefaultScope

from mmreidmix.compat import close_process_group, init_cpu_process_group
from mmreidmix.engine.build_runner import build_runner
from tests.tiny import tiny_config
from tests.tiny_remix import tiny_remix_config

#: Images of a batch of all processes together.
BATCH = 32
#: Batch norm normalises as many, in whatever process.
GROUP = 8


def remix(toy: Path, **options) -> Config:
    """Every loss of ReMix, and batch-hard triplets."""
    return tiny_remix_config(
        toy, model__triplet=dict(type='BatchHardTripletLoss'), **options)


def domainmix(toy: Path, **options) -> Config:
    """Iterations of all kinds of DomainMix."""
    return tiny_config(
        toy, default_hooks__phases__phases=[
            dict(begin=0, discriminator_interval=3)], **options)


def daam(toy: Path) -> Config:
    """Every loss of DAAM; one epoch without clusters, one with."""
    cfg = tiny_config(toy, default_hooks__pseudo_labels__begin=1)
    del cfg.default_hooks['phases'], cfg.model['domain_head']
    cfg.optim_wrapper = dict(type='Bf16OptimWrapper')
    cfg.model.update(
        type='DAAM',
        triplet=dict(type='BatchHardTripletLoss', margin=0.3),
        attention=dict(type='DAAMNeck', in_channels=64, after='layer3'),
        specific_head=dict(type='DomainSpecificHead'),
        similarity=dict(type='HypersphereLoss', in_channels=128),
        target=dict(type='SoftLabelLoss'),
        loss_weights=dict(similarity=0.1, specific=0.1))
    return cfg


TRAININGS = dict(
    domainmix=domainmix,
    domainmix_accumulated=partial(
        domainmix, optim_wrapper__accumulative_counts=2),
    remix=remix,
    remix_online=partial(
        remix, default_hooks__pseudo_labels__refresh='online',
        optim_wrapper__accumulative_counts=2),
    daam=daam)


def run(cfg: Config, work_dir: Path) -> None:
    """Train in double precision, with SGD.

    Adam makes whole steps of vanishing gradients, whose sign is rounding.
    """
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = work_dir.name
    cfg.model.bn_group_size = GROUP
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.01, momentum=0.9)
    cfg.train_dataloader.batch_size = BATCH // get_world_size()
    cfg.train_cfg.val_interval = 9
    launcher = 'pytorch' if get_world_size() > 1 else 'none'
    build_runner(cfg, launcher).train()


def main(folder: Path, toy: Path) -> None:
    """Train all; work dirs are ``<folder>/<name><processes>``."""
    torch.set_default_dtype(torch.float64)
    DefaultScope.get_instance('mmreidmix', scope_name='mmreidmix')
    init_cpu_process_group('pytorch')
    for name, config in TRAININGS.items():
        run(config(toy), folder / f'{name}{get_world_size()}')
    close_process_group()


if __name__ == '__main__':
    main(*map(Path, sys.argv[1:]))
