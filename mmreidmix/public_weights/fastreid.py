"""Files of fast-reid: ResNets with GeM pooling and non-local blocks.

Source: https://github.com/JDAI-CV/fast-reid,
``fastreid/modeling/backbones/resnet.py``, ``fastreid/layers/non_local.py``,
``fastreid/modeling/heads/embedding_head.py``,
``fastreid/utils/checkpoint.py`` (the file),
``fastreid/data/transforms/build.py`` (bicubic by PIL). The stem's max pooling
has no padding and rounds up.
"""

import re
from typing import Optional

from .family import (
    AVERAGE_POOLING,
    BNNECK,
    Family,
    Network,
    Preprocessing,
    State,
    count_of,
    shape,
)
from .resnet import resnet_of

_NON_LOCAL = r'backbone\.NL_(\d)\.(\d+)\.'
_MEAN, _STD = 'neck.pixel_mean', 'neck.pixel_std'


def _describe(state: State, size: Optional[tuple[int, int]]) -> Network:
    non_local = tuple(
        count_of(state, rf'backbone\.NL_{i}\.(\d+)\.') for i in range(1, 5))
    options = dict(non_local=non_local) if any(non_local) else {}
    name, backbone = resnet_of(state, stem_pool_ceil=True, **options)
    generalised = 'neck.p' in state
    notes = ['last stride 1 is assumed, as in the configs of fast-reid']
    neck = dict(AVERAGE_POOLING)
    if generalised:
        neck = dict(type='mmpretrain.GeneralizedMeanPooling')
        if size is None:
            notes.append('384x128 is assumed, as SBS has it; AGW: '
                         '--input-size 256 128')
    else:
        notes.append('average pooling is assumed')
    if 'neck.1.fc.weight' in state:  # HEADS.EMBEDDING_DIM
        out, inner = shape(state, 'neck.1.fc.weight')[:2]
        neck = [neck, dict(
            type='mmpretrain.LinearNeck', in_channels=inner,
            out_channels=out, norm_cfg=None)]
    statistics = {}
    for option, key in (('mean', _MEAN), ('std', _STD)):
        if key in state:  # of older files
            statistics[option] = tuple(state[key].flatten().tolist())
    return Network(
        f'{name}{" with non-local blocks" if any(non_local) else ""}',
        dict(backbone=backbone, neck=neck, bnneck=BNNECK),
        Preprocessing(size or ((384, 128) if generalised else (256, 128)),
                      'bicubic', **statistics),
        'generalised mean' if generalised else 'average',
        notes=tuple(notes))


def _adjust(state: dict, network: Network) -> dict:
    """Put weights where this project has them; shapes of vectors."""
    reduced = 'neck.1.fc.weight' in state
    adjusted = {}
    for key, value in state.items():
        found = re.match(_NON_LOCAL, key)
        if key in (_MEAN, _STD):
            continue
        if found:
            stage, number = int(found[1]), int(found[2])
            blocks = count_of(state, rf'backbone\.layer{stage}\.(\d+)\.')
            blocks += number - network.encoder['backbone']['non_local'][
                stage - 1]
            key = (f'backbone.layer{stage}.{blocks}.non_local.'
                   f'{key[found.end():]}')
        elif key == 'neck.p' and reduced:
            key = 'neck.0.p'
        elif key == 'neck.1.fc.weight':
            value = value.flatten(1)  # a 1x1 convolution
            adjusted['neck.1.fc.bias'] = value.new_zeros(len(value))
        adjusted[key] = value
    return adjusted


def _rules(bottleneck: dict) -> dict:
    return {
        r'(backbone\.(?:conv1|bn1|layer[1-4]|NL_[1-4])\..+)': r'\1',
        r'heads\.pool_layer\.p': 'neck.p',
        **bottleneck,
        r'heads\.(weight|classifier\..+|cls_layer\..+)': None,
        r'pixel_(mean|std)': r'neck.pixel_\1',
    }


_MARKS = (r'backbone\.conv1\.weight', r'backbone\.layer4\.0\.conv1\.weight')

PLAIN = Family(
    'fast-reid',
    marks=(*_MARKS, r'heads\.bottleneck\.0\.running_mean'),
    rules=_rules({r'heads\.bottleneck\.0\.(.+)': r'bnneck.bn.\1'}),
    describe=_describe, adjust=_adjust)
REDUCED = Family(
    'fast-reid-embedding',
    marks=(*_MARKS, r'heads\.bottleneck\.1\.running_mean'),
    rules=_rules({
        r'heads\.bottleneck\.0\.weight': 'neck.1.fc.weight',
        r'heads\.bottleneck\.1\.(.+)': r'bnneck.bn.\1',
    }),
    describe=_describe, adjust=_adjust)
