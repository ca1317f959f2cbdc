"""Runners, on GPUs or on a CPU."""

import logging
from typing import Optional

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmreidmix.compat import (
    checkpoint_activations_once,
    init_cpu_process_group,
    keep_freed_memory,
    resume_from,
    write_checkpoints_by,
)
from mmreidmix.files import replace_file

from .config_keys import (
    check_hooks,
    check_loaders,
    check_optimizer,
    check_parameter_names,
    unread_keys,
)
from .config_ranges import check_ranges
from .latest_checkpoint import latest_checkpoint
from .loading_workers import prepare_loaders
from .precision import force_precision
from .reid_runner import ReIDRunner


def build_runner(cfg: Config, launcher: str = 'none') -> Runner:
    """Build MMEngine's runner, with what a CPU needs filled in.

    Args:
        cfg (Config): the whole config, ``work_dir`` included. Its helper
            variables, whose names begin with an underscore, are removed, and
            so is ``resume``: :func:`take_resume`.
        launcher (str): 'none', 'pytorch', 'slurm' or 'mpi'.

    Raises:
        ValueError: there is no model; see also :func:`unread_keys`,
            :func:`check_loaders`, :func:`check_optimizer`,
            :func:`check_hooks` and :func:`check_ranges`.
    """
    if not cfg.get('model'):
        raise ValueError(f'{cfg.filename or "the config"} has no `model`: it '
                         'is no config of a training or a test')
    cfg.launcher = launcher
    for helper in [key for key in cfg if key.startswith('_')]:
        cfg.pop(helper)
    unread = unread_keys(cfg)
    if unread:
        print_log(f'nothing reads {unread} at the top level of the config',
                  level=logging.WARNING)
    check_loaders(cfg)
    check_optimizer(cfg)
    prepare_loaders(cfg)
    check_ranges(cfg)
    cfg.default_hooks = check_hooks(cfg.get('default_hooks') or {})
    processes = (cfg.get('env_cfg') or {}).get('dist_cfg') or {}
    init_cpu_process_group(launcher, processes.get('timeout'))
    keep_freed_memory()
    checkpoint_activations_once()
    write_checkpoints_by(replace_file)
    force_precision(cfg)
    resumed = take_resume(cfg)
    if launcher != 'none' and not torch.cuda.is_available():
        # MMEngine's default wrapper names a CUDA device.
        cfg.setdefault(
            'model_wrapper_cfg',
            dict(
                type='MMDistributedDataParallel',
                device_ids=None,
                broadcast_buffers=False,
                find_unused_parameters=cfg.get('find_unused_parameters',
                                               False)))
    runner = ReIDRunner.from_cfg(cfg)
    check_parameter_names(cfg, runner.model)
    if resumed:
        resume_from(runner, resumed)
    return runner


def take_resume(cfg: Config) -> Optional[str]:
    """Remove from a config that, and what, it resumes.

    The config that a run writes beside its checkpoints then names the weights
    that the run started from, which ``tools/test.py CONFIG none`` tests.

    Args:
        cfg (Config): ``resume`` is a checkpoint, or 'auto': the latest one of
            the work dir. True is MMEngine's: ``load_from``, or the latest one
            where there is none.

    Returns:
        str, optional: the checkpoint to go on from.
    """
    resume = cfg.pop('resume', None)
    if not resume:
        return None
    if resume is True and cfg.get('load_from'):
        return cfg.pop('load_from')
    if resume not in (True, 'auto'):
        return resume
    latest = latest_checkpoint(cfg.work_dir)
    if latest is None:
        print_log(f'nothing to resume in {cfg.work_dir}: the training begins '
                  'anew', level=logging.WARNING)
    return latest
