"""Parts of a model from their configs, with the widths filled in."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Optional, Union

import torch
from torch import nn

from mmreidmix.models.encoder import last_output, stage_of
from mmreidmix.registry import MODELS, class_of
from mmreidmix.signatures import options_of

#: Marks a part that a config has to give.
REQUIRED = dict(type=None)


def build_part(
        name: str,
        cfg: Optional[Mapping],
        defaults: Optional[Mapping[str, Callable]] = None
) -> Optional[nn.Module]:
    """Build a part from its config.

    Args:
        name (str): key of the config, such as 'bnneck', for messages.
        cfg (Mapping, optional): config with ``type``; None: no part.
        defaults (Mapping[str, Callable], optional): functions by the name of
            an option. An option that the part has and the config leaves out
            gets what its function returns, such as a width.

    Raises:
        ValueError: the config has no ``type``, or one that is not known.
    """
    if cfg is None:
        return None
    if cfg.get('type') is None:
        raise ValueError(f'model.{name} needs `type`, the name of its class, '
                         f'got {dict(cfg)}')
    options, kind = dict(cfg), class_of(MODELS, cfg['type'])
    if kind is None:
        near = get_close_matches(cfg['type'], MODELS.module_dict, 1)
        hint = f' Is {near[0]!r} meant?' if near else ''
        raise ValueError(
            f'model.{name}: no class {cfg["type"]!r} is registered.{hint} If '
            'it is one of your own, name its module in custom_imports')
    known = options_of(kind) if isinstance(kind, type) else ()
    for option, default in (defaults or {}).items():
        if option not in options and option in known:
            options[option] = default()
    return MODELS.build(options)


def build_neck(cfg: Union[Mapping, Sequence[Mapping]]) -> nn.Module:
    """Build a neck: one module, or several in a row."""
    if isinstance(cfg, Mapping):
        return MODELS.build(cfg)
    return nn.Sequential(*[MODELS.build(c) for c in cfg])


class Widths:
    """Widths inside an encoder, found by running it on an empty image.

    A width is looked for when it is asked for: a config that names all widths
    runs nothing.
    """

    def __init__(self, backbone: nn.Module, neck: nn.Module):
        self.backbone, self.neck = backbone, neck

    def embedding(self) -> int:
        """Width D of what the neck gives."""
        return self._width_behind(self.neck)

    def map(self, after: Optional[str] = None) -> int:
        """Channels of the last map, or of that behind a stage."""
        return self._width_behind(stage_of(self.backbone, after or ''))

    @torch.no_grad()
    def _width_behind(self, stage: nn.Module) -> int:
        widths: list[int] = []
        handle = stage.register_forward_hook(
            lambda stage, args, output: widths.append(
                last_output(output).shape[1]))
        modules = [*self.backbone.modules(), *self.neck.modules()]
        modes = [module.training for module in modules]
        size = getattr(self.backbone, 'img_size', (64, 32))
        self.backbone.eval()
        self.neck.eval()
        try:
            outputs = self.backbone(torch.zeros(1, 3, *size))
            if stage is self.neck:
                self.neck(last_output(outputs))
            return int(widths[-1])
        except Exception as error:
            raise ValueError(
                f'the widths of {type(self.backbone).__name__} can not be '
                f'found by running it on an image of {size}: set `in_channels`'
                ' of bnneck and of every head, attention and loss of the '
                f'model ({error})') from error
        finally:
            handle.remove()
            for module, mode in zip(modules, modes):
                module.training = mode
