"""All that works around a fault of a dependency or uses its private parts.

Each function says why, and when it can be deleted.
"""

import ctypes
import logging
import os
import pickle
import sys
import warnings
from datetime import timedelta
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Optional

import torch
import torch.distributed as torch_dist
import torch.nn as nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from mmreidmix.stored_arrays import STAND_INS

if TYPE_CHECKING:  # MMEngine is imported where it is used
    from mmengine.runner import Runner


@cache
def prepare() -> None:
    """What has to be done before MMPretrain is imported or a checkpoint read.

    ``registry``, which all components import, and ``checkpoint_file`` do it.
    """
    ensure_torchvision()
    allow_checkpoint_types()


def ensure_torchvision() -> ModuleType:
    """Import torchvision where its compiled operators do not load.

    Linux wheels of torchvision link CUDA libraries. With a CPU build of
    PyTorch the operators are missing, and two fake-kernel registrations at
    import raise ``RuntimeError``. Those two are skipped.

    Delete when torchvision guards ``register_fake('torchvision::nms')``.
    """
    if 'torchvision' not in sys.modules:  # left over by a failed import
        for name in [m for m in sys.modules if m.startswith('torchvision.')]:
            del sys.modules[name]
    register = torch.library.register_fake

    def register_existing(op: Any, *args: Any, **kwargs: Any) -> Callable:
        if isinstance(op, str) and op.startswith('torchvision::'):
            operator = op.partition('::')[2]
            if not hasattr(torch.ops.torchvision, operator):
                return lambda func: func
        return register(op, *args, **kwargs)

    torch.library.register_fake = register_existing
    try:
        import torchvision
    finally:
        torch.library.register_fake = register
    return torchvision


def import_mmcv() -> None:
    """Import the layers of MMCV without its warning about mmcv-lite.

    They warn that ``mmcv.ops`` is missing, which nothing here needs.

    Delete when MMCV warns where an operator is used.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Fail to import ``MultiScale')
        import mmcv.cnn.bricks.transformer  # noqa: F401


def allow_checkpoint_types() -> None:
    """Let torch's safe loader read what MMEngine puts into checkpoints.

    MMEngine's message hub stores ``HistoryBuffer`` and NumPy scalars: plain
    data, but not on torch's allow-list. ``HistoryBuffer`` pickles its
    statistics methods through ``getattr``. Only those methods are allowed,
    because all of ``getattr`` would reach the globals of any function.

    Delete when MMEngine registers them itself.
    """
    from mmengine.logging import HistoryBuffer
    methods = ('min', 'max', 'mean', 'current')

    def method_of_history(owner: type, name: str) -> Callable:
        if owner is not HistoryBuffer or name not in methods:
            raise pickle.UnpicklingError(
                f'getattr({owner!r}, {name!r}) is no method of HistoryBuffer')
        return getattr(owner, name)

    torch.serialization.add_safe_globals([
        HistoryBuffer, (method_of_history, 'builtins.getattr'), *STAND_INS])


def init_cpu_process_group(launcher: str,
                           timeout: Optional[float] = None) -> None:
    """Start the gloo process group that MMEngine cannot start on a CPU build.

    ``mmengine.dist.init_dist`` calls ``torch.cuda.set_device`` whatever the
    backend. It keeps a group that exists already.

    Delete when MMEngine starts gloo without CUDA.

    Args:
        launcher (str): 'none', 'pytorch', 'slurm' or 'mpi'.
        timeout (float, optional): seconds that a process waits for the
            others. Defaults to PyTorch's 30 minutes.

    Raises:
        ValueError: ``timeout`` is not positive.
        RuntimeError: a launcher other than 'pytorch' without a GPU.
    """
    if launcher == 'none' or torch.cuda.is_available():
        return
    if launcher != 'pytorch':
        raise RuntimeError(
            f'--launcher {launcher} needs a GPU; without one start the '
            'processes with tools/dist_train.sh (--launcher pytorch)')
    if 'RANK' not in os.environ:
        raise RuntimeError('--launcher pytorch is for processes started by '
                           'torchrun; use tools/dist_train.sh')
    if not torch_dist.is_initialized():
        if timeout is not None:
            if not timeout > 0:
                raise ValueError('env_cfg.dist_cfg.timeout must be a positive '
                                 f'number of seconds, got {timeout!r}')
            timeout = timedelta(seconds=timeout)
        torch_dist.init_process_group('gloo', timeout=timeout)


def keep_freed_memory() -> None:
    """Let glibc reuse the memory of activations on a CPU.

    glibc returns each large block to the system when it is freed. The page
    faults that follow take a tenth of a ResNet-50 step. Does nothing with a
    GPU or without glibc.

    Delete when PyTorch's CPU allocator caches.
    """
    if torch.cuda.is_available():
        return
    # Windows has no library without a name.
    libc = None if os.name == 'nt' else ctypes.CDLL(None)
    mallopt = getattr(libc, 'mallopt', None)
    if mallopt is None:
        return
    trim_threshold, mmap_threshold = -1, -3  # names of malloc.h
    mallopt(mmap_threshold, 2**29)
    mallopt(trim_threshold, 2**31 - 1)


def write_checkpoints_by(write_file: Callable) -> None:
    """Let MMEngine write checkpoints to disk by another function.

    MMEngine writes them in place: a full disk, or a kill, leaves a torn file
    under the final name, which a resumed run then trips over.

    Delete when MMEngine renames a whole file.

    Args:
        write_file (Callable): ``write_file(path, write)`` as
            :func:`mmreidmix.files.replace_file`.
    """
    from mmengine.runner import runner

    original = _original_of(runner.save_checkpoint)

    def save(checkpoint: dict, filename: str, **options: Any) -> None:
        if '://' in filename:
            original(checkpoint, filename, **options)
        else:
            write_file(filename, lambda file: torch.save(checkpoint, file))

    save.original = original
    runner.save_checkpoint = save


def _original_of(function: Callable) -> Callable:
    return getattr(function, 'original', function)


def checkpoint_activations_once() -> None:
    """Let the key ``activation_checkpointing`` work in several processes.

    MMEngine leaves torch the choice, which takes the form that runs a
    backward pass inside the backward pass: with ``find_unused_parameters``
    DDP then meets parameters twice and raises. Call it again at will.

    Delete when MMEngine passes ``use_reentrant=False``.
    """
    from mmengine.runner import activation_checkpointing

    activation_checkpointing.checkpoint = partial(
        checkpoint, use_reentrant=False)


def close_process_group(status: int = 0) -> None:
    """Exit a tool whose processes communicate by gloo; its last call.

    At a normal exit, gloo's threads sometimes outlive what they use and abort
    the process after its work is done. Here all processes wait for each other
    and exit at once. Does nothing with one process, or with NCCL.

    Delete when torch joins gloo's threads at exit.

    Args:
        status (int): exit status of the process.
    """
    if not torch_dist.is_available() or not torch_dist.is_initialized():
        return
    if torch_dist.get_backend() != 'gloo':
        return
    torch_dist.barrier()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


# The rest gives public names to private parts of MMEngine and torch. Delete
# each of them when the dependency has one.

#: Ends a process at once, without what Python does at an exit.
exit_now = os._exit

#: Base class of all batch norms.
BatchNorm = _BatchNorm


def is_resumed(runner: 'Runner') -> bool:
    """Whether a run resumes its own checkpoint, not weights alone."""
    return runner._resume


def resume_from(runner: 'Runner', checkpoint: str) -> None:
    """Let a runner go on from a checkpoint of which its config is silent."""
    runner._resume, runner._load_from = True, checkpoint


def loaded_file(runner: 'Runner') -> str:
    """The checkpoint that a runner loads."""
    return runner._load_from


def initialise_weights(runner: 'Runner') -> None:
    """Initialise a model as ``Runner.train`` does and ``Runner.test`` not."""
    runner._init_model_weights()


def record_init(module: nn.Module, init_info: str) -> None:
    """Record how weights were set, while ``init_weights`` keeps a record."""
    from mmengine.model import update_init_info
    if hasattr(module, '_params_init_info'):
        update_init_info(module, init_info=init_info)


def swaps_channels(preprocessor: nn.Module) -> bool:
    """Whether an ``ImgDataPreprocessor`` turns BGR into RGB or back."""
    return bool(preprocessor._channel_conversion)


def lerp_(tensors: list, targets: list, weight: float) -> None:
    """Move tensors towards others in place, all in one kernel."""
    torch._foreach_lerp_(tensors, targets, weight)
