"""Optimizers whose state is spread over the processes."""

from collections.abc import Iterable
from typing import Any

import torch
from mmengine.dist import is_distributed, is_main_process
from mmengine.optim import ZeroRedundancyOptimizer
from torch.optim import Optimizer

from mmreidmix.registry import OPTIMIZERS


class _ShardedOptimizer(ZeroRedundancyOptimizer):
    """MMEngine's, saved by the main process alone, without a second copy.

    The runner calls ``consolidate_state_dict`` before it saves.
    """

    def state_dict(self) -> dict[str, Any]:
        """The state of all processes, as far as it was gathered."""
        return super(ZeroRedundancyOptimizer, self).state_dict() if (
            is_main_process()) else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the part of this process out of the state of all."""
        super().load_state_dict(state_dict)
        self.state.clear()  # what steps is the state of ``self.optim``


@OPTIMIZERS.register_module(name='ShardedOptimizer')
def sharded_optimizer(params: Iterable, optimizer_type: str,
                      **kwargs: Any) -> Optimizer:
    """An optimizer of which each process keeps a part of the state.

    Each steps its part of the parameters and sends them to the others (ZeRO,
    stage 1; Rajbhandari et al., arXiv 1910.02054). Steps and checkpoints are
    those of the optimizer itself, so that a training can be resumed with
    another number of processes, or without this. One process alone gets the
    optimizer itself.

    Args:
        params (Iterable): parameters or groups of them.
        optimizer_type (str): name of a class of ``torch.optim``.
        **kwargs: its options.

    Raises:
        ValueError: ``torch.optim`` has no such class.
    """
    kind = getattr(torch.optim, optimizer_type, None)
    if not (isinstance(kind, type) and issubclass(kind, Optimizer)):
        raise ValueError(
            'ShardedOptimizer: optimizer_type must name a class of '
            f"torch.optim, such as 'AdamW', got {optimizer_type!r}")
    if not is_distributed():
        return kind(params, **kwargs)
    return _ShardedOptimizer(params, optimizer_type, **kwargs)
