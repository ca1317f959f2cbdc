"""Mixed precision that works on a CPU too."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn as nn
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast

from mmreidmix.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Forward pass in bfloat16, weights and updates in float32.

    MMEngine's ``AmpOptimWrapper`` asserts a GPU. bfloat16 has float32's
    range, so no loss scaling is needed.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast around the forward pass."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
