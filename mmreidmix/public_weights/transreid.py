"""Files of TransReID: vision transformers with camera embeddings.

Source: https://github.com/damo-cv/TransReID, ``model/make_model.py``,
``model/backbones/vit_pytorch.py``, ``datasets/make_dataloader.py`` (values in
[-1, 1], bilinear by PIL in tests), ``configs`` (feature before the BNNeck,
``SIE_COE`` 3).

Two things are not kept. The embedding of the camera is the mean over the
cameras of the training, as other cameras have none. Of the parts (JPM) only
the global one is kept: its last block and norm are ``b1``.
"""

from typing import Optional

from .family import (
    BNNECK,
    HALF,
    Family,
    Network,
    Preprocessing,
    State,
    count_of,
    shape,
)

_SIZES = ((256, 128), (384, 128), (256, 256))
_STRIDES = (16, 12, 14, 11, 10, 8)
_SIE_COE = 3.0
_SIE, _LAST = 'backbone.sie_embed', 'backbone.b1.'


def _grid(tokens: int, patch: int,
          size: Optional[tuple[int, int]]) -> tuple[tuple[int, int], int]:
    """Size of the images and stride of the patches."""
    for height, width in (size, ) if size else _SIZES:
        for stride in _STRIDES:
            rows, columns = (
                (side - patch) // stride + 1 for side in (height, width))
            if rows * columns + 1 == tokens:
                return (height, width), stride
    tried = ', '.join(f'{h}x{w}' for h, w in ((size, ) if size else _SIZES))
    raise ValueError(
        f'{tokens} position embeddings are those of no images of {tried}: '
        'give the size of the training by --input-size')


def _describe(state: State, size: Optional[tuple[int, int]]) -> Network:
    dims, _, patch, _ = shape(state, 'backbone.patch_embed.projection.weight')
    layers = count_of(state, r'backbone\.layers\.(\d+)\.')
    if 'backbone.layers.0.attn.qkv.bias' not in state:
        raise ValueError('the small ViT with another scale of its attention '
                         '(vit_small_patch16_224_TransReID) is not known; '
                         'DeiT-small and ViT-base are')
    size, stride = _grid(
        shape(state, 'backbone.pos_embed')[1], patch, size)
    arch = dict(
        embed_dims=dims, num_layers=layers, num_heads=dims // 64,
        feedforward_channels=shape(
            state, 'backbone.layers.0.ffn.layers.0.0.weight')[0])
    notes = []
    if _SIE in state:
        notes.append('the camera embedding is the mean of the '
                     f'{len(state[_SIE])} of the training, times {_SIE_COE}')
    if any(key.startswith(_LAST) for key in state):
        notes.append('global feature alone: the four parts (JPM) that '
                     'TransReID joins to it are left out')
    return Network(
        f'ViT, {layers} layers of {dims}, patches of {patch} every {stride}',
        dict(
            backbone=dict(
                type='mmpretrain.VisionTransformer', arch=arch,
                img_size=size, patch_size=patch,
                patch_cfg=dict(stride=stride, padding=0),
                out_type='cls_token'),
            neck=[], bnneck=BNNECK),
        Preprocessing(size, **HALF), 'class token',
        'before the BNNeck (a fresh one changes nothing)', tuple(notes))


def _adjust(state: dict, network: Network) -> dict:
    """Fold in the camera embedding; the last block of the global part."""
    adjusted = dict(state)
    sie = adjusted.pop(_SIE, None)
    if sie is not None:
        adjusted['backbone.pos_embed'] = (
            state['backbone.pos_embed'] + _SIE_COE * sie.mean(0))
    last = network.encoder['backbone']['arch']['num_layers'] - 1
    for key in [key for key in adjusted if key.startswith(_LAST)]:
        name = key[len(_LAST):]
        new = name.replace('0.', f'layers.{last}.', 1) if (
            name.startswith('0.')) else name.replace('1.', 'ln1.', 1)
        adjusted[f'backbone.{new}'] = adjusted.pop(key)
    return adjusted


#: Names inside a block of timm's ViT -> of MMPretrain's.
BLOCK = {
    r'norm1\.': 'ln1.',
    r'norm2\.': 'ln2.',
    r'attn\.': 'attn.',
    r'mlp\.fc1\.': 'ffn.layers.0.0.',
    r'mlp\.fc2\.': 'ffn.layers.1.',
}

FAMILY = Family(
    'transreid',
    marks=(r'base\.cls_token', r'base\.blocks\.0\.norm1\.weight',
           r'bottleneck\.running_mean'),
    rules={
        r'base\.(cls_token|pos_embed|sie_embed)': r'backbone.\1',
        r'base\.patch_embed\.proj\.(.+)':
        r'backbone.patch_embed.projection.\1',
        **{rf'base\.blocks\.(\d+)\.{old}(.+)': rf'backbone.layers.\1.{new}\2'
           for old, new in BLOCK.items()},
        r'base\.norm\.(.+)': r'backbone.ln1.\1',
        **{rf'b1\.0\.{old}(.+)': rf'backbone.b1.0.{new}\1'
           for old, new in BLOCK.items()},
        r'b1\.1\.(.+)': r'backbone.b1.1.\1',
        r'base\.(fc|head)\..+': None,
        r'b2\..+': None,
        r'bottleneck(_\d)?\..+': None,
        r'classifier(_\d)?\..+': None,
    },
    describe=_describe, adjust=_adjust)
