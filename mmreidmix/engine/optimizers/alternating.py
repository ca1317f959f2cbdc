"""Two optimizers of which one steps per iteration."""

from contextlib import AbstractContextManager
from typing import Any, Optional

import torch
import torch.nn as nn
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapperDict
from torch import Tensor

from mmreidmix.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AlternatingOptimWrapper(OptimWrapperDict):
    """Updates the parameters of one chosen optimizer, drops other gradients.

    It has what a training step needs (``optim_context`` and
    ``update_params``), so that the stock ``train_step`` of MMEngine's models
    and distributed wrappers works unchanged.

    Attributes:
        active (str): name of the optimizer that steps next.
    """

    active = 'encoder'

    def optim_context(self, model: nn.Module) -> AbstractContextManager:
        """Context of the active optimizer."""
        return self[self.active].optim_context(model)

    def should_update(self) -> bool:
        """Whether the active optimizer has just taken a step."""
        return self[self.active].should_update()

    def update_params(self, loss: Tensor, **kwargs: Any) -> None:
        """Backward, step of the active optimizer, no gradient left over."""
        resting = [(parameter, parameter.grad)
                   for name, wrapper in self.items() if name != self.active
                   for group in wrapper.optimizer.param_groups
                   for parameter in group['params']]
        for parameter, gathered in resting:
            # DDP takes part in gradients of earlier iterations, which it
            # expects to find.
            parameter.grad = (
                None if gathered is None else torch.zeros_like(gathered))
        self[self.active].update_params(loss, **kwargs)
        for parameter, gathered in resting:
            parameter.grad = gathered


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class AlternatingOptimWrapperConstructor:
    """Builds one optimizer for a submodule and one for all the rest.

    Args:
        optim_wrapper_cfg (dict): config of each optimizer wrapper.
        paramwise_cfg (dict, optional): options of MMEngine's
            ``DefaultOptimWrapperConstructor`` for the encoder, and
            ``discriminator``, the name of the submodule with its own
            optimizer (default 'domain_head').
    """

    def __init__(self,
                 optim_wrapper_cfg: dict,
                 paramwise_cfg: Optional[dict] = None):
        self.cfg = dict(optim_wrapper_cfg)
        self.paramwise_cfg = dict(paramwise_cfg or {})
        self.discriminator = self.paramwise_cfg.pop('discriminator',
                                                    'domain_head')

    def __call__(self, model: nn.Module) -> AlternatingOptimWrapper:
        """Split the parameters of a model (wrapped or not)."""
        model = getattr(model, 'module', model)
        head = getattr(model, self.discriminator, None)
        if head is None:
            raise ValueError(
                'AlternatingOptimWrapperConstructor: the model '
                f'{type(model).__name__} has no submodule '
                f'{self.discriminator!r}; set paramwise_cfg.discriminator')
        rest = nn.ModuleDict({
            name: child
            for name, child in model.named_children() if child is not head
        })
        return AlternatingOptimWrapper(
            encoder=DefaultOptimWrapperConstructor(
                self.cfg, self.paramwise_cfg)(rest),
            discriminator=DefaultOptimWrapperConstructor(self.cfg)(head))
