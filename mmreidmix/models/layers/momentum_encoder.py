"""A slow copy of an encoder."""

import copy

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.logging import print_log
from torch import Tensor, nn

from mmreidmix.checks import check_fraction
from mmreidmix.compat import lerp_
from mmreidmix.models.encoder import ENCODER_PARTS
from mmreidmix.registry import MODELS


@MODELS.register_module()
class MomentumEncoder(nn.Module):
    """Exponential moving average of an encoder: weights and buffers.

    theta_m <- lambda theta_m + (1 - lambda) theta_e. Running statistics of
    BatchNorm follow by the same average, first averaged over processes: they
    belong to the weights that produced them, so a copy of the encoder's
    present statistics would not fit the older weights. It is always in
    evaluation mode, needs no gradient, and is the same in every process.

    It is no MMEngine module on purpose: nothing initialises it but
    :meth:`copy_from`. MMEngine's ``ExponentialMovingAverage`` averages whole
    models, heads included, and knows no average over processes.

    Args:
        encoder (nn.Module): its modules of
            :data:`mmreidmix.models.encoder.ENCODER_PARTS` are copied; one
            that it lacks is None in the copy.
        momentum (float): lambda in [0, 1).
        warmup (bool): use min(lambda, (1 + t) / (10 + t)) at update t = 0,
            1, 2 and so on. In a short run lambda alone would keep the copy
            near the weights that training started from.
    """

    def __init__(self,
                 encoder: nn.Module,
                 momentum: float = 0.999,
                 warmup: bool = False):
        super().__init__()
        check_fraction(self, momentum=momentum)
        for name in ENCODER_PARTS:
            self.add_module(name, copy.deepcopy(getattr(encoder, name, None)))
        self.momentum = momentum
        self.warmup = warmup
        self.register_buffer('steps', torch.tensor(0))
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> 'MomentumEncoder':
        """Stay in evaluation mode."""
        return super().train(False)

    def current_momentum(self) -> float:
        """Weight of the past in the next update."""
        if not self.warmup:
            return self.momentum
        steps = int(self.steps)  # waits for a GPU
        return min(self.momentum, (1 + steps) / (10 + steps))

    def copy_from(self, encoder: nn.Module) -> None:
        """Start anew as a copy of the encoder's parts of the same names."""
        for name, part in self.named_children():
            part.load_state_dict(getattr(encoder, name).state_dict())
        self.steps.zero_()

    @torch.no_grad()
    def update(self, encoder: nn.Module) -> None:
        """Take one step towards the encoder's parts of the same names."""
        weight = 1 - self.current_momentum()
        own, its = [], []
        statistics, its_statistics = [], []
        for name, part in self.named_children():
            other = getattr(encoder, name)
            own.extend(part.parameters())
            its.extend(other.parameters())
            for buffer, its_buffer in zip(part.buffers(), other.buffers()):
                if buffer.is_floating_point():
                    statistics.append(buffer)
                    its_statistics.append(its_buffer)
                else:  # a counter
                    buffer.copy_(its_buffer)
        its_statistics = _mean_over_processes(its_statistics)
        lerp_(own + statistics, its + its_statistics, weight)
        self.steps += 1


def _mean_over_processes(tensors: list[Tensor]) -> list[Tensor]:
    if get_world_size() == 1 or not tensors:
        return tensors
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    all_reduce(flat, op='mean')
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors)]


def fill_momentum_encoder(state: dict, prefix: str, *args) -> None:
    """Let weights without a momentum encoder stand for both encoders.

    A hook of ``load_state_dict`` for models that have one.
    """
    own = f'{prefix}momentum_encoder.'
    if any(key.startswith(own) for key in state):
        return
    parts = tuple(f'{prefix}{part}.' for part in ENCODER_PARTS)
    copies = {
        own + key[len(prefix):]: value
        for key, value in state.items() if key.startswith(parts)
    }
    if copies:
        print_log(
            'the weights hold no momentum encoder: it begins as the encoder',
            logger='current')
    state.update(copies, **{f'{own}steps': torch.tensor(0)})
