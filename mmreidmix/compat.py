"""Everything that works around a fault of a dependency, and why.

Each function says when it can be deleted.
"""

import ctypes
import logging
import os
import pickle
import sys

import numpy as np
import torch
import torch.distributed as torch_dist


def ensure_torchvision():
    """Import torchvision where its compiled operators do not load.

    The Linux wheels of torchvision link CUDA libraries. Beside a CPU build of
    PyTorch the operators are missing, which torchvision tolerates, except for
    two fake-kernel registrations at import that raise ``RuntimeError``. Those
    are skipped; where the operators load this is a plain import.

    Delete when torchvision guards ``register_fake('torchvision::nms')``.
    """
    if 'torchvision' not in sys.modules:  # left over by a failed import
        for name in [m for m in sys.modules if m.startswith('torchvision.')]:
            del sys.modules[name]
    register = getattr(torch.library, 'register_fake', None)
    if register is None:  # torch < 2.4: nothing is registered at import
        import torchvision
        return torchvision

    def register_existing(op, *args, **kwargs):
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


def allow_checkpoint_types():
    """Let torch's safe loader read what MMEngine puts into checkpoints.

    ``torch.load`` defaults to ``weights_only=True`` since 2.6. MMEngine's
    message hub stores ``HistoryBuffer`` and NumPy scalars, which are plain
    data but not on torch's allow-list; ``HistoryBuffer`` pickles its
    statistics methods through ``getattr``, of which only that is allowed:
    the whole of it would reach the globals of any function.

    Delete when MMEngine registers them itself.
    """
    if not hasattr(torch.serialization, 'add_safe_globals'):
        return
    from mmengine.logging import HistoryBuffer
    try:
        from numpy._core import multiarray
    except ImportError:  # numpy < 2
        from numpy.core import multiarray
    methods = ('min', 'max', 'mean', 'current')

    def method_of_history(owner, name):
        if owner is not HistoryBuffer or name not in methods:
            raise pickle.UnpicklingError(
                f'getattr({owner!r}, {name!r}) is no method of HistoryBuffer')
        return getattr(owner, name)

    # torch looks a name of a file up by these two.
    method_of_history.__module__ = 'builtins'
    method_of_history.__qualname__ = 'getattr'
    dtypes = {type(np.dtype(code)) for code in '?bBhHiIlLqQefdgSUO'}
    torch.serialization.add_safe_globals([
        HistoryBuffer, method_of_history, np.ndarray, np.dtype,
        multiarray._reconstruct, multiarray.scalar, *dtypes
    ])


def init_cpu_process_group(launcher: str):
    """Start the gloo process group that MMEngine cannot start on a CPU build.

    ``mmengine.dist.init_dist`` calls ``torch.cuda.set_device`` whatever the
    backend. It keeps a group that exists already.

    Delete when MMEngine starts gloo without CUDA.

    Args:
        launcher (str): 'none', 'pytorch', 'slurm' or 'mpi', as in
            ``tools/train.py``. Only 'pytorch' is handled here.

    Raises:
        RuntimeError: another launcher is asked for without a GPU.
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
        torch_dist.init_process_group(
            'gloo',
            rank=int(os.environ['RANK']),
            world_size=int(os.environ['WORLD_SIZE']))


def keep_freed_memory():
    """Let glibc reuse the memory of activations on a CPU.

    glibc hands every large block back to the system when it is freed, so each
    training step faults all its activations in again: a tenth of the time of
    a ResNet-50 step. Does nothing on a GPU or without glibc.

    Delete when PyTorch's CPU allocator caches.
    """
    if torch.cuda.is_available():
        return
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return
    trim_threshold, mmap_threshold = -1, -3  # names of malloc.h
    mallopt(mmap_threshold, 2**29)
    mallopt(trim_threshold, 2**31 - 1)


def is_resumed(runner) -> bool:
    """Whether a run goes on from its own checkpoint, not from weights alone.

    Delete when MMEngine's runner tells it without an underscore.
    """
    return runner._resume


def loaded_file(runner) -> str:
    """The checkpoint that a runner loads.

    Delete when MMEngine's runner tells it without an underscore.
    """
    return runner._load_from


def initialise_weights(runner) -> None:
    """Initialise the weights of a runner's model as a training would.

    ``Runner.test``, unlike ``Runner.train``, does not.

    Delete when MMEngine offers it.
    """
    runner._init_model_weights()


def close_process_group():
    """End a tool whose processes talk through gloo; the last call of it.

    Left to the interpreter's exit, gloo's threads now and then outlive what
    they use and abort the process after all its work is done, so all wait for
    each other here and leave at once. Does nothing without processes, or
    where NCCL connects them.

    Delete when torch joins gloo's threads at exit.
    """
    if not torch_dist.is_available() or not torch_dist.is_initialized():
        return
    if torch_dist.get_backend() != 'gloo':
        return
    torch_dist.barrier()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
