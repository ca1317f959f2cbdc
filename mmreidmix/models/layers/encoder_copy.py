"""Copies of an encoder that stand beside it and need no gradient."""

import copy

from mmengine.logging import print_log
from torch import nn

from mmreidmix.models.encoder import ENCODER_PARTS
from mmreidmix.registry import MODELS


class EncoderCopy(nn.Module):
    """A copy of an encoder, always in evaluation mode.

    It is no MMEngine module on purpose: nothing initialises it but
    :meth:`copy_from`.

    Args:
        encoder (nn.Module): its modules of
            :data:`mmreidmix.models.encoder.ENCODER_PARTS` are copied; one
            that it lacks is None in the copy.
    """

    def __init__(self, encoder: nn.Module):
        super().__init__()
        for name in ENCODER_PARTS:
            self.add_module(name, copy.deepcopy(getattr(encoder, name, None)))
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> 'EncoderCopy':
        """Stay in evaluation mode."""
        return super().train(False)

    def copy_from(self, encoder: nn.Module) -> None:
        """Start anew as a copy of the encoder's parts of the same names."""
        for name, part in self.named_children():
            part.load_state_dict(getattr(encoder, name).state_dict())

    def fill(self, name: str, state: dict, prefix: str, *args) -> None:
        """Let weights that lack this copy stand for both encoders.

        A hook of ``load_state_dict`` of the model, which calls it ``name``.
        """
        own = f'{prefix}{name}.'
        if any(key.startswith(own) for key in state):
            return
        parts = tuple(f'{prefix}{part}.' for part in ENCODER_PARTS)
        copies = {
            own + key[len(prefix):]: value
            for key, value in state.items() if key.startswith(parts)
        }
        if copies:
            print_log(
                f'the weights hold no {name}: it begins as the encoder',
                logger='current')
        state.update(copies, **{
            own + key: buffer for key, buffer in self.named_buffers(
                recurse=False)
        })


@MODELS.register_module()
class StartEncoder(EncoderCopy):
    """The encoder as it was before the first step; it stays as it is."""
