"""Parts of a runner, whatever they are wrapped in."""

from collections.abc import MutableMapping

import torch.nn as nn
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner


def bare_model(runner: Runner) -> nn.Module:
    """The runner's model without its distributed wrapper."""
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def single_optim_wrappers(runner: Runner) -> list[OptimWrapper]:
    """The runner's optimizer wrapper, or all of them if there are several."""
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, OptimWrapperDict):
        return list(wrapper.values())
    return [wrapper]


def optimizer_state(wrapper: OptimWrapper) -> MutableMapping:
    """What an optimizer keeps, by parameter; its part of a sharded one."""
    optimizer = wrapper.optimizer
    return getattr(optimizer, 'optim', optimizer).state
