"""One training from a config, alone in its work dir."""

import os
import os.path as osp
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config
from mmengine.runner import Runner

from mmreidmix.compat import close_process_group
from mmreidmix.files import FileHeldError, FileLock

from .build_runner import build_runner
from .hooks import DoctorHook

#: Where torchrun, Slurm and MPI say the number of a process.
RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')


def train(cfg: Config, launcher: str = 'none',
          doctor: bool = True) -> Runner:
    """Build a runner and train.

    Args:
        cfg (Config): the whole config, ``work_dir`` included.
        launcher (str): see :func:`build_runner`.
        doctor (bool): look at the labels of the data first, see
            :class:`DoctorHook`.

    Raises:
        RuntimeError: another training runs in the work dir.
        SystemExit: a signal has stopped it, see :class:`StopHook`.
    """
    with work_dir_lock(cfg.work_dir):
        try:
            runner = build_runner(cfg, launcher)
            if doctor:
                runner.register_hook(DoctorHook())
            runner.train()
        except SystemExit as stop:
            close_process_group(stop.code)
            raise
    close_process_group()
    return runner


@contextmanager
def work_dir_lock(work_dir: str) -> Iterator[None]:
    """Keep other trainings out of a work dir; the main process does it.

    Raises:
        RuntimeError: another training runs there.
    """
    ranks = (os.environ.get(name) for name in RANKS)
    if next(filter(None, ranks), '0') != '0':
        yield
        return
    os.makedirs(work_dir, exist_ok=True)
    try:
        lock = FileLock(osp.join(work_dir, 'train.lock'))
    except FileHeldError as error:
        raise RuntimeError(
            f'process {error.owner} trains in {work_dir}: wait for its end or '
            'take another --work-dir') from None
    try:
        yield
    finally:
        lock.release()
