"""Files of CLIP-ReID: the image encoder, a vision transformer.

Source: https://github.com/Syliz517/CLIP-ReID,
``model/make_model_clipreid.py``, ``model/clip/model.py``,
``datasets/make_dataloader_clipreid.py`` (bilinear by PIL in tests) and
``configs/person`` (values in [-1, 1], feature before the BNNecks; ``SIE_COE``
1 where cameras are embedded). The texts are for the training alone.
"""

from typing import Optional

from .family import BNNECK, HALF, Family, Network, Preprocessing, State, shape
from .vit import PEDESTRIANS, Size, vit_of

_SIE_COE = 1.0
_SIE = 'backbone.cv_embed'
_ENCODER = r'image_encoder\.'
_BLOCK = rf'{_ENCODER}transformer\.resblocks\.(\d+)\.'


# Names inside a block of CLIP's ViT -> of MMPretrain's.
_NAMES = {
    r'ln_([12])\.(.+)': r'ln\2.\3',
    r'attn\.in_proj_(weight|bias)': r'attn.qkv.\2',
    r'attn\.out_proj\.(.+)': r'attn.proj.\2',
    r'mlp\.c_fc\.(.+)': r'ffn.layers.0.0.\2',
    r'mlp\.c_proj\.(.+)': r'ffn.layers.1.\2',
}


def _reshaped(state: State) -> dict:
    """Tensors as MMPretrain's ViT has them."""
    reshaped = dict(state)
    for key, change in (
            ('backbone.cls_token', lambda value: value[None, None]),
            ('backbone.pos_embed', lambda value: value[None]),
            ('neck.projection.weight', lambda value: value.T)):
        shape(state, key)  # an error that names it, where it is missing
        reshaped[key] = change(state[key])
    return reshaped


def _describe(state: State, size: Optional[Size]) -> Network:
    state = _reshaped(state)
    name, backbone, size = vit_of(
        state, size, PEDESTRIANS, out_type='cls_token', pre_norm=True,
        norm_cfg=dict(type='LN', eps=1e-5),
        layer_cfgs=dict(act_cfg=dict(type='mmpretrain.QuickGELU')))
    outer, inner = shape(state, 'neck.projection.weight', 2)
    notes = []
    if _SIE in state:
        notes.append('the camera embedding is the mean of the '
                     f'{shape(state, _SIE, 2)[0]} of the training, '
                     f'times {_SIE_COE}')
    return Network(
        f'CLIP {name}',
        dict(backbone=backbone, bnneck=BNNECK,
             neck=dict(type='ProjectionNeck', in_channels=inner,
                       out_channels=outer)),
        Preprocessing(size, **HALF), 'class token and its projection',
        'before the BNNecks (a fresh one changes nothing)', tuple(notes))


def _adjust(state: dict, network: Network) -> dict:
    """Reshape; fold the camera embedding into the class token."""
    adjusted = _reshaped(state)
    sie = adjusted.pop(_SIE, None)
    if sie is not None:
        adjusted['backbone.cls_token'] = (
            adjusted['backbone.cls_token'] + _SIE_COE * sie.mean(0))
    return adjusted


FAMILY = Family(
    'clip-reid',
    marks=(rf'{_ENCODER}class_embedding', r'bottleneck_proj\.running_mean'),
    rules={
        rf'{_ENCODER}class_embedding': 'backbone.cls_token',
        rf'{_ENCODER}positional_embedding': 'backbone.pos_embed',
        rf'{_ENCODER}conv1\.weight':
        'backbone.patch_embed.projection.weight',
        rf'{_ENCODER}ln_pre\.(.+)': r'backbone.pre_norm.\1',
        rf'{_ENCODER}ln_post\.(.+)': r'backbone.ln1.\1',
        rf'{_ENCODER}proj': 'neck.projection.weight',
        **{_BLOCK + old: rf'backbone.layers.\1.{new}'
           for old, new in _NAMES.items()},
        'cv_embed': _SIE,
        r'(bottleneck|classifier)(_proj)?\..+': None,
        r'(prompt_learner|text_encoder)\..+': None,
    },
    describe=_describe, adjust=_adjust)
