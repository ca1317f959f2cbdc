"""Mixed precision that works on a CPU too."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn as nn
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast

from mmreidmix.engine.precision import bfloat16_is_fast_everywhere
from mmreidmix.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Forward pass in bfloat16 where that is faster, else in float32.

    Weights and updates are float32. MMEngine's ``AmpOptimWrapper`` asserts a
    GPU. bfloat16 has float32's range, so no loss scaling is needed.

    Args:
        *args: see :class:`mmengine.optim.OptimWrapper`.
        force (bool): in bfloat16 on every device. Defaults to False: where
            :func:`mmreidmix.precision.bfloat16_is_fast` in all processes.
        **kwargs: likewise.

    Attributes:
        bf16 (bool): whether it is bfloat16.
    """

    def __init__(self, *args: Any, force: bool = False, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.bf16 = force or bfloat16_is_fast_everywhere()

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast around the forward pass."""
        with super().optim_context(model), autocast(
                enabled=self.bf16, dtype=torch.bfloat16):
            yield
