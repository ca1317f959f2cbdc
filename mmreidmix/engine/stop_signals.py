"""The signals that end a training, and what loading workers do with them."""

import signal
from types import FrameType
from typing import Callable, Optional

from mmreidmix.compat import exit_now

#: Ctrl-C; ``sbatch --signal=USR1@120``; kill, Slurm, Kubernetes. Windows has
#: not all of them.
STOP_SIGNALS = [
    getattr(signal, name) for name in ('SIGINT', 'SIGUSR1', 'SIGTERM')
    if hasattr(signal, name)
]


def outlive_signal(worker: int, init: Optional[Callable] = None) -> None:
    """Let a loading worker go on after the first signal of each kind.

    A terminal and Slurm send a signal to all processes of a run. The main
    process decides what it means; a worker that ended first would be an error
    there. A ``worker_init_fn``: torch has set a handler of its own before.

    Args:
        worker (int): number of the worker.
        init (Callable, optional): another ``worker_init_fn``, called first.
    """
    if init is not None:
        init(worker)
    for number in STOP_SIGNALS:
        signal.signal(number, _end_at_the_next)


def _end_at_the_next(number: int, frame: Optional[FrameType]) -> None:
    signal.signal(number, _end)


def _end(number: int, frame: Optional[FrameType]) -> None:
    # Status 0: torch's main process ends workers so, and no others are errors.
    exit_now(0)
