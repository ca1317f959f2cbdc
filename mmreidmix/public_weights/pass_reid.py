"""Files of PASS: vision transformers with tokens for parts of the body.

Source: https://github.com/CASIA-IVA-Lab/PASS-reID,
``PASS_transreid/model/make_model.py`` (class token, and mean of three part
tokens), ``model/backbones/vit_pytorch.py`` and ``configs`` (values in
[-1, 1], feature before the BNNeck); ``PASS/main_pass.py`` and
``PASS/ours_vit.py`` for the pre-training on ImageNet's statistics.
"""

from functools import partial
from typing import Any, Optional

from .family import BNNECK, HALF, Family, Network, Preprocessing, State, shape
from .vit import PEDESTRIANS, Size, vit_of, vit_rules

_PARTS = 3
# Their rows come first: names of tokens and of their positions.
_TOKENS = ('cls_token', *(f'part_token{i + 1}' for i in range(_PARTS)))
_POSITIONS = ('cls_pos', *(f'part{i + 1}_pos' for i in range(_PARTS)))
_WIDTH = 'neck.width.'


def _describe(state: State, size: Optional[Size], embedding: str,
              **preprocessing: Any) -> Network:
    name, backbone, size = vit_of(
        state, size, PEDESTRIANS, extra_tokens=0, part_tokens=_PARTS,
        out_type='raw')
    # The classifier has the width of the embedding, a BNNeck not always.
    width = max((shape(state, key)[-1] for key in state
                 if key.startswith(_WIDTH)), default=0)
    join = 'mean' if width == backbone['arch']['embed_dims'] else 'cat'
    return Network(
        f'{name}, three part tokens',
        dict(backbone=backbone, bnneck=BNNECK,
             neck=dict(type='PartTokenNeck', part_tokens=_PARTS, join=join)),
        Preprocessing(size, **preprocessing),
        'class token and mean of the part tokens', embedding)


def _adjust(state: dict, network: Network) -> dict:
    """Join the tokens, and all positions, to one tensor each."""
    import torch
    adjusted = {key: value for key, value in state.items()
                if not key.startswith(_WIDTH)}
    for names in (_TOKENS, _POSITIONS):
        for name in names:
            shape(state, f'backbone.{name}')  # an error where it is missing
    tokens, positions = (
        [adjusted.pop(f'backbone.{name}') for name in names]
        for names in (_TOKENS, (*_POSITIONS, 'pos_embed')))
    adjusted['backbone.cls_token'] = torch.cat(tokens, 1)
    adjusted['backbone.pos_embed'] = torch.cat(positions, 1)
    return adjusted


def _rules(prefix: str) -> dict[str, Optional[str]]:
    return {
        rf'{prefix}(part_token\d|cls_pos|part\d_pos)': r'backbone.\1',
        **vit_rules(prefix),
        rf'{prefix}(fc|head)\..+': None,
    }


FINE_TUNED = Family(
    'pass',
    marks=(r'base\.part_token3', r'bottleneck\.running_mean'),
    rules={
        **_rules(r'base\.'),
        r'(bottleneck|classifier)\.weight': rf'{_WIDTH}\1',
        r'bottleneck(_\d)?\..+': None,
        r'classifier\..+': None,
    },
    describe=partial(
        _describe, embedding='before the BNNeck (a fresh one changes nothing)',
        **HALF),
    adjust=_adjust)
PRETRAINED = Family(
    'pass-pretrained',
    marks=('part_token3', r'patch_embed\.proj\.weight'),
    rules=_rules(''),
    describe=partial(_describe, interpolation='bicubic',
                     embedding='class token and part tokens (a fresh BNNeck '
                     'changes nothing)'),
    adjust=_adjust)
