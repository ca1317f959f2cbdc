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
            gets what its function returns, such as a width. A width that the
            config gives is compared with it.

    Raises:
        ValueError: the config has no ``type``, or one that is not known, or
            another width than what comes in.
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
        if option in known and option not in options:
            options[option] = default()
        elif option in known and option == 'in_channels':
            _check_width(name, options[option], default)
    return MODELS.build(options)


def _check_width(name: str, width: int, find: Callable) -> None:
    try:
        found = find()
    except ValueError:
        return  # it can not be found, so it has to be given
    if width != found:
        raise ValueError(
            f'model.{name}.in_channels is {width}, but {found} channels come '
            'in from what stands before it: leave in_channels out, it is '
            'found')


def build_neck(cfg: Union[Mapping, Sequence[Mapping]]) -> nn.Module:
    """Build a neck: one module, or several in a row."""
    if isinstance(cfg, Mapping):
        return MODELS.build(cfg)
    return nn.Sequential(*[MODELS.build(c) for c in cfg])


class Widths:
    """Widths inside an encoder, found by running it on an empty image.

    A width is looked for when it is asked for.
    """

    #: Sizes (H, W) of the image, the small one first. Some networks need more.
    SIZES = ((64, 32), (256, 128))

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
        self.backbone.eval()
        self.neck.eval()
        try:
            features = self._run()
            if stage is self.neck:
                self._run_neck(features)
            return int(widths[-1])
        finally:
            handle.remove()
            for module, mode in zip(modules, modes):
                module.training = mode

    def _run(self) -> torch.Tensor:
        """What the backbone gives for an empty image."""
        own = getattr(self.backbone, 'img_size', None)
        for size in self.SIZES if own is None else (own, ):
            try:
                return last_output(self.backbone(torch.zeros(1, 3, *size)))
            except Exception as error:  # of the network, of any kind
                fault = error
        raise ValueError(
            f'the widths of {type(self.backbone).__name__} can not be found '
            f'by running it on an image of {size}: set `in_channels` of '
            'bnneck and of every head, attention and loss of the model '
            f'({fault})') from fault

    def _run_neck(self, features: torch.Tensor) -> None:
        try:
            self.neck(features)
        except Exception as error:
            raise ValueError(
                f'model.neck does not fit {type(self.backbone).__name__}, '
                f'which gives {tuple(features.shape)} (images, channels, ...) '
                f'for an image: {error}') from error
