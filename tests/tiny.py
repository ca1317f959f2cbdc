"""A DomainMix run that takes seconds, on toy data."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ROOT / 'tools' / 'train.py'
BASE = ROOT / 'configs' / 'domainmix' / 'r18_x0_25_toysyn_toyreal.py'


def tiny_config(toy: Path, **options) -> Config:
    """The quick-start config on a few 64 x 32 images, 2 epochs of 4 steps.

    Args:
        toy (Path): folder made by the fixture ``toy``.
        **options: dotted keys, with '__' for '.', and their values.
    """
    cfg = Config.fromfile(BASE)
    small = [
        dict(type='LoadReIDImage'),
        dict(type='Resize', scale=(32, 64), backend='pillow'),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackReIDInputs'),
    ]
    test = [small[0], small[1], small[3]]
    cfg.train_dataloader.dataset.pipeline = small
    cfg.train_dataloader.batch_size = 16
    cfg.train_dataloader.batch_sampler.iters_per_epoch = 4
    for domain in cfg.train_dataloader.dataset.domains:
        domain.data_root = str(toy / Path(domain.data_root).name)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.pipeline = test
        for domain in loader.dataset.domains:
            domain.data_root = str(toy / Path(domain.data_root).name)
    cfg.default_hooks.pseudo_labels.update(
        pipeline=test,
        begin=0,
        clustering=dict(k1=8, k2=3, eps=0.6, min_samples=2, min_size=2))
    cfg.model.id_head.max_classes = 200
    cfg.default_hooks.logger.interval = 1
    cfg.param_scheduler = []
    cfg.train_cfg.update(max_epochs=2, val_interval=1)
    cfg.merge_from_dict(
        {key.replace('__', '.'): value
         for key, value in options.items()})
    return cfg


def free_port() -> str:
    """A port that nobody listens to."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return str(free.getsockname()[1])


def environment() -> dict:
    """Environment of a training process, or of several of one run."""
    return dict(
        os.environ,
        PATH=os.pathsep.join([str(Path(sys.executable).parent),
                              os.environ['PATH']]),
        OMP_NUM_THREADS='1',
        PORT=free_port(),
        PYTHONPATH=str(ROOT),
        PYTHONWARNINGS='ignore')


def run_processes(num: int, *command: object) -> None:
    """Run ``python *command`` as gloo processes of one run, to their end."""
    env = dict(environment(), MASTER_ADDR='127.0.0.1',
               MASTER_PORT=free_port(), WORLD_SIZE=str(num))
    workers = [
        subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=ROOT,
            env=dict(env, RANK=str(rank), LOCAL_RANK=str(rank)), text=True,
            stderr=subprocess.PIPE) for rank in range(num)]
    try:
        for worker in workers:
            _, errors = worker.communicate(timeout=300)
            assert worker.returncode == 0, errors
    finally:
        for worker in workers:
            worker.kill()


def train(config: Path, work_dir: Path, *args) -> str:
    """Run tools/train.py in a process of its own; returns its output.

    Raises:
        AssertionError: it failed; the end of the output is in the message.
    """
    result = subprocess.run(
        [sys.executable, TRAIN, config, '--work-dir', work_dir, *args],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True)
    assert result.returncode == 0, result.stdout[-3000:]
    return result.stdout


def checkpoint(work_dir: Path, epoch: int) -> dict:
    """Load the checkpoint of an epoch, safely."""
    path = work_dir / f'epoch_{epoch}.pth'
    return torch.load(path, weights_only=True)
