"""Files of timm: any of its networks, which the user names.

Source: https://github.com/huggingface/pytorch-image-models,
``timm/models/_pretrained.py`` (what is known of the images). The network is
timm's own, so timm is needed to use the converted file, too.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Optional

from .family import BNNECK, Family, Network, Preprocessing, State

NAME = 'timm'


def family_of(architecture: Optional[str]) -> Family:
    """The files of one network of timm.

    Args:
        architecture (str, optional): as ``timm.list_models()`` has it, or
            with the tag of its weights, such as 'resnet50.a1_in1k'.

    Raises:
        ModuleNotFoundError: timm is missing.
        ValueError: there is no name, or timm does not know it.
    """
    if architecture is None:
        raise ValueError(
            f'--from {NAME} needs --architecture, the name of the network in '
            'timm with the tag of its weights, such as resnet50.a1_in1k: the '
            'keys do not tell how images are prepared')
    # Imported here: it imports torch, for which --help must not wait.
    from mmreidmix.compat import ensure_torchvision
    ensure_torchvision()  # timm imports it
    try:
        import timm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            '--architecture needs the package timm: pip install timm'
        ) from error
    try:
        cfg = timm.get_pretrained_cfg(architecture, allow_unregistered=False)
    except RuntimeError as error:
        raise ValueError(f'--architecture {architecture!r} is no network of '
                         f'timm {timm.__version__}: {error}') from error
    own = cfg.to_dict()
    return Family(
        NAME,
        marks=tuple(rf'{re.escape(layer)}\.weight'
                    for layer in _names(own.get('first_conv'))[:1]),
        rules={
            **{rf'{re.escape(layer)}\..+': None
               for layer in _names(own.get('classifier'))},
            r'(.+)': r'backbone.model.\1',
        },
        describe=partial(_describe, architecture=architecture, cfg=own))


def _names(value: Any) -> tuple[str, ...]:
    """Names of layers: none, one, or several."""
    return (value, ) if isinstance(value, str) else tuple(value or ())


def _describe(state: State, size: Optional[tuple[int, int]],
              architecture: str, cfg: Mapping[str, Any]) -> Network:
    size = size or tuple(cfg['input_size'][1:])
    backbone = dict(type='TimmBackbone',
                    model_name=architecture.partition('.')[0])
    if cfg.get('fixed_input_size'):
        backbone['img_size'] = size
    interpolation = cfg.get('interpolation')
    return Network(
        f'{architecture} of timm',
        dict(backbone=backbone, neck=[], bnneck=BNNECK),
        Preprocessing(
            size,
            interpolation if interpolation == 'bilinear' else 'bicubic',
            mean=tuple(255 * value for value in cfg['mean']),
            std=tuple(255 * value for value in cfg['std']), native=False),
        'of the network', 'pooled features of timm (a fresh BNNeck changes '
        'nothing)', ('images are resized whole; timm crops the middle', ))
