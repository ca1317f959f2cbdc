"""Files of TransReID and of what came of it: vision transformers.

Sources: https://github.com/damo-cv/TransReID, ``model/make_model.py``,
``model/backbones/vit_pytorch.py``, ``datasets/make_dataloader.py`` (values in
[-1, 1], bilinear by PIL in tests), ``config/defaults.py`` and ``configs``
(feature before the BNNeck, ``SIE_COE`` 3, patches shifted by 5 in 2 stripes);
https://github.com/damo-cv/TransReID-SSL, the same with convolutions in front
of the patches, and ``dino/main_dino.py`` (pre-training on ImageNet's
statistics); and https://github.com/yoonkicho/BAU, ``bau/models/model.py``
(``vit_base_patch16``) and ``examples/test.py``.

The embedding of the camera is the mean over the cameras of the training, as
other cameras have none.
"""

from functools import partial
from typing import Any, Optional

from .family import (
    BNNECK,
    HALF,
    Family,
    Network,
    Preprocessing,
    State,
    shape,
)
from .vit import (
    PEDESTRIANS,
    Size,
    block_rules,
    describe_vit,
    vit_of,
    vit_rules,
)

_SIE_COE = 3.0
_SIE = 'backbone.sie_embed'
_BEFORE = 'before the BNNeck (a fresh one changes nothing)'


def _describe(state: State, size: Optional[Size]) -> Network:
    parts = any(key.startswith('neck.part.') for key in state)
    name, backbone, size = vit_of(
        state, size, PEDESTRIANS,
        out_type='raw' if parts else 'cls_token')
    neck: Any = []
    notes = []
    if parts:
        arch = backbone['arch']
        arch['num_layers'] -= 1  # the neck has the last one, twice
        backbone['final_norm'] = False
        neck = dict(type='JigsawPatchNeck', **{
            option: arch[option] for option in (
                'embed_dims', 'num_heads', 'feedforward_channels')})
        notes.append('4 parts (JPM) of patches shifted by 5 in 2 stripes are '
                     'assumed, as in its configs')
    if _SIE in state:
        notes.append('the camera embedding is the mean of the '
                     f'{shape(state, _SIE, 3)[0]} of the training, '
                     f'times {_SIE_COE}')
    return Network(
        name + (', four parts' if parts else ''),
        dict(backbone=backbone, neck=neck, bnneck=BNNECK),
        Preprocessing(size, **HALF),
        'class token' + (' of all patches and of four parts'
                         if parts else ''), _BEFORE, tuple(notes))


def _adjust(state: dict, network: Network) -> dict:
    """Fold in the camera embedding; leave out what the parts do not use."""
    layers = network.encoder['backbone']['arch']['num_layers']
    parts = network.encoder['neck']
    unused = (f'backbone.layers.{layers}.', 'backbone.ln1.') if parts else ()
    adjusted = {key: value for key, value in state.items()
                if not key.startswith(unused)}
    sie = adjusted.pop(_SIE, None)
    if sie is not None:
        adjusted['backbone.pos_embed'] = (
            state['backbone.pos_embed'] + _SIE_COE * sie.mean(0))
    return adjusted


_TOKEN = r'base\.cls_token'
_HEADS: dict[str, Optional[str]] = {
    r'base\.(fc|head)\..+': None,
    r'classifier(_\d)?\..+': None,
}

FAMILY = Family(
    'transreid',
    marks=(_TOKEN, r'base\.blocks\.0\.norm1\.weight',
           r'bottleneck\.running_mean'),
    never=(r'base\.part_token1', ),
    rules={
        r'base\.sie_embed': _SIE,
        **vit_rules(r'base\.'),
        **block_rules(r'b1\.0\.', 'neck.whole.0.'),
        r'b1\.1\.(.+)': r'neck.whole.1.\1',
        **block_rules(r'b2\.0\.', 'neck.part.0.'),
        r'b2\.1\.(.+)': r'neck.part.1.\1',
        **_HEADS,
        r'bottleneck(_\d)?\..+': None,
    },
    describe=_describe, adjust=_adjust)
PRETRAINED = Family(
    'transreid-ssl',
    marks=('cls_token', r'patch_embed\.conv\.0\.weight'),
    never=(r'part_token1', ),
    rules={**vit_rules(), r'(fc|head)\..+': None},
    describe=partial(
        describe_vit, sizes=PEDESTRIANS, interpolation='bicubic',
        notes=('pre-trained without labels', )))
BAU = Family(
    'bau-vit',
    marks=(_TOKEN, r'bn_neck\.running_mean'),
    rules={
        **vit_rules(r'base\.'), **_HEADS,
        r'bn_neck\.(.+)': r'bnneck.bn.\1',
    },
    describe=partial(
        describe_vit, sizes=PEDESTRIANS, interpolation='bicubic',
        embedding='behind the BNNeck'))
