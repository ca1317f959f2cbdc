"""Loading workers: how long they may take, and their file handles."""

import logging
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

#: Seconds without a batch after which a worker is taken for hung.
TIMEOUT = 600
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# A process has so many handles open, and so many more for each worker:
# queues, and batches that wait.
_HANDLES, _HANDLES_OF_WORKER = 96, 16


def worker_options(num_workers: int) -> dict[str, Any]:
    """Options of a ``DataLoader`` with some workers.

    PyTorch refuses a time limit without workers.
    """
    return dict(num_workers=num_workers, timeout=TIMEOUT if num_workers else 0)


def prepare_loaders(cfg: Config) -> None:
    """Fill in what all loaders of a config need."""
    loaders = [cfg[name] for name in LOADERS if cfg.get(name)]
    for loader in loaders:
        loader.setdefault('collate_fn', dict(type='stack_images'))
        if loader.get('num_workers'):
            loader.setdefault('timeout', TIMEOUT)
    check_handles(sum(loader.get('num_workers') or 0 for loader in loaders))


def check_handles(workers: int) -> None:
    """Warn where the system allows too few file handles.

    MMEngine raises the limit of the process as far as the system allows.
    """
    if resource is None:
        return
    needed = _HANDLES + _HANDLES_OF_WORKER * workers
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and workers and allowed < needed:
        print_log(
            f'{workers} loading workers may need {needed} file handles, but '
            f'the system allows {allowed} (ulimit -Hn). If one can not be '
            'opened, lower num_workers',
            level=logging.WARNING)
