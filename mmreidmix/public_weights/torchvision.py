"""Files of torchvision and IBN-Net: networks trained on ImageNet.

Source: https://github.com/pytorch/vision,
``torchvision/models/{resnet,mobilenetv2}.py``, and
https://github.com/XingangPan/IBN-Net, ``ibnnet/resnet_ibn.py``. For
re-identification the last stride is left out; no weight changes its shape.
"""

import re
from typing import Optional

from .family import (
    AVERAGE_POOLING,
    BNNECK,
    POOLED,
    Encoder,
    Family,
    Network,
    Preprocessing,
    State,
    shape,
)
from .resnet import RESNET_KEYS, resnet_of


def _mobilenet_v2_rules() -> dict[str, Optional[str]]:
    """Blocks are counted through in torchvision, by layer in MMPretrain."""
    new = {
        f'{number}.{i}': f'{name}.{kind}'
        for number, name in ((0, 'conv1'), (18, 'conv2'))
        for i, kind in enumerate(('conv', 'bn'))
    }
    blocks = [
        f'layer{layer}.{block}'
        for layer, count in enumerate((1, 2, 3, 4, 3, 3, 1), 1)
        for block in range(count)
    ]
    for number, block in enumerate(blocks, 1):
        last = 1 if number == 1 else 2  # the first block does not expand
        for i in range(last):
            new[f'{number}.conv.{i}.0'] = f'{block}.conv.{i}.conv'
            new[f'{number}.conv.{i}.1'] = f'{block}.conv.{i}.bn'
        new[f'{number}.conv.{last}'] = f'{block}.conv.{last}.conv'
        new[f'{number}.conv.{last + 1}'] = f'{block}.conv.{last}.bn'
    return {
        rf'{re.escape("features." + old)}\.(\w+)': rf'backbone.{name}.\1'
        for old, name in new.items()
    }


def _imagenet(architecture: str, backbone: Encoder,
              size: Optional[tuple[int, int]]) -> Network:
    return Network(
        architecture,
        dict(backbone=backbone, neck=AVERAGE_POOLING, bnneck=BNNECK),
        Preprocessing(size or (256, 128), native=size is not None),
        embedding=POOLED,
        notes=('trained on ImageNet, not for re-identification', ))


def _describe_resnet(state: State,
                     size: Optional[tuple[int, int]]) -> Network:
    return _imagenet(*resnet_of(state), size)


def _describe_mobilenet(state: State,
                        size: Optional[tuple[int, int]]) -> Network:
    factor = shape(state, 'backbone.conv1.conv.weight', 4)[0] / 32
    backbone = dict(type='MobileNetV2', strides=(1, 2, 2, 2, 1, 1, 1))
    if factor != 1:
        backbone['widen_factor'] = factor
    return _imagenet(f'MobileNetV2 x{factor}', backbone, size)


_RESNET = dict(
    rules={RESNET_KEYS: r'backbone.\1', r'fc\.(weight|bias)': None},
    describe=_describe_resnet)
_RESNET_MARKS = (r'conv1\.weight', r'layer4\.0\.conv1\.weight')
_IBN = r'layer\d\.\d+\.bn1\.IN\.weight'

RESNET = Family(
    'torchvision', _RESNET_MARKS, **_RESNET,
    never=(r'classifier\..+', r'fc\.0\..+', _IBN))
IBN_NET = Family('ibn-net', (*_RESNET_MARKS, _IBN), **_RESNET,
                 never=(r'classifier\..+', ))
MOBILENET = Family(
    'torchvision-mobilenet',
    marks=(r'features\.0\.0\.weight', r'features\.18\.0\.weight',
           r'features\.1\.conv\.1\.weight'),
    rules={**_mobilenet_v2_rules(), r'classifier\..+': None},
    describe=_describe_mobilenet)
