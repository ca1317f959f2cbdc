"""Train a model: ``python tools/train.py CONFIG``."""

from __future__ import annotations

import argparse
import os
import os.path as osp
from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional

from mmreidmix.command_line import CfgOptions, run_main

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints; '
                        'default: work_dirs/<name of the config>')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on with an interrupted run: from the latest checkpoint of '
        'the work dir, or from the given one')
    parser.add_argument(
        '--amp', action='store_true', help='forward pass in bfloat16, '
        'as --cfg-options precision=bf16')
    parser.add_argument(
        '--skip-doctor', action='store_true',
        help='do not look at the labels of the data sets first')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        help='changes to the config, as key=value with dotted keys')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes were started')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args(argv)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def load_config(args: argparse.Namespace) -> Config:
    """The config with the options of the command line applied."""
    # Imported here: --help must not wait for torch.
    from mmreidmix.config_file import read_config
    cfg = read_config(args.config, args.cfg_options)
    if args.amp:
        cfg.precision = 'bf16'
    if args.work_dir:
        cfg.work_dir = args.work_dir
    elif not cfg.get('work_dir'):
        name = osp.splitext(osp.basename(args.config))[0]
        cfg.work_dir = osp.join('work_dirs', name)
    if args.resume:
        cfg.resume = args.resume
    return cfg


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Train."""
    args = parse_args(argv)
    cfg = load_config(args)
    from mmreidmix.engine.train import train
    train(cfg, args.launcher, doctor=not args.skip_doctor)


if __name__ == '__main__':
    run_main(main)
