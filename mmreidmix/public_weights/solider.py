"""Files of SOLIDER and SOLIDER-REID: Swin transformers.

Source: https://github.com/tinyvision/SOLIDER-REID,
``model/backbones/swin_transformer.py``, ``model/make_model.py``,
``datasets/make_dataloader.py`` (384 x 128, values in [-1, 1], bilinear by
PIL), ``configs`` (semantic weight 0.2, feature before the BNNeck); and
https://github.com/tinyvision/SOLIDER for the file of the pre-training.

Behind each stage but the last, each channel is scaled and shifted by what a
layer makes of the semantic weight. The weight is fixed, so both go into the
linear layer that ends the stage, which has a bias for that.
"""

from typing import Optional

from .family import (
    AVERAGE_POOLING,
    BNNECK,
    HALF,
    Family,
    Network,
    Preprocessing,
    State,
    count_of,
    shape,
)

SEMANTIC_WEIGHT = 0.2
_EMBED = 'backbone.semantic_embed_{}.{}.{}'
_STAGES = 4


def _describe(state: State, size: Optional[tuple[int, int]]) -> Network:
    blocks = 'backbone.stages.{}.blocks.0.attn.w_msa.{}'
    dims = shape(state, 'backbone.patch_embed.projection.weight', 4)[0]
    table = 'relative_position_bias_table'
    side = round(shape(state, blocks.format(0, table), 2)[0]**0.5)
    depths = [count_of(state, rf'backbone\.stages\.{i}\.blocks\.(\d+)\.')
              for i in range(_STAGES)]
    heads = [shape(state, blocks.format(i, table), 2)[1]
             for i in range(_STAGES)]
    backbone = dict(
        type='mmpretrain.SwinTransformer',
        arch=dict(embed_dims=dims, depths=depths, num_heads=heads),
        window_size=(side + 1) // 2, pad_small_map=True,
        stage_cfgs=dict(downsample_cfg=dict(bias=True)))
    neck = dict(AVERAGE_POOLING)
    if 'neck.fc.weight' in state:  # their option REDUCE_FEAT_DIM
        out, inner = shape(state, 'neck.fc.weight', 2)
        neck = dict(type='mmpretrain.LinearNeck', in_channels=inner,
                    out_channels=out, gap_dim=2, norm_cfg=None)
    return Network(
        f'Swin, {dims} channels, blocks {depths}',
        dict(backbone=backbone, neck=neck, bnneck=BNNECK),
        Preprocessing(size or (384, 128), **HALF),
        embedding='before the BNNeck (a fresh one changes nothing)',
        notes=(f'the semantic weight is fixed at {SEMANTIC_WEIGHT}', ))


def _adjust(state: dict, network: Network) -> dict:
    """Fold the semantic scale and shift into the layers that end stages."""
    adjusted = {key: value for key, value in state.items()
                if not key.startswith('backbone.semantic_embed_')}
    for i in range(_STAGES - 1):
        name = f'backbone.stages.{i}.downsample.reduction'
        weight = state[f'{name}.weight']
        shift, scale = (_semantic(state, kind, i) for kind in 'bw')
        scale = scale.exp().log1p()  # softplus
        adjusted[f'{name}.weight'] = scale[:, None] * weight
        adjusted[f'{name}.bias'] = shift
    fc = state.get('neck.fc.weight')
    if fc is not None:
        adjusted['neck.fc.bias'] = fc.new_zeros(len(fc))
    return adjusted


def _semantic(state: State, kind: str, stage: int):
    """What the layer of a stage makes of (weight, 1 - weight)."""
    weight, bias = (state[_EMBED.format(kind, stage, name)]
                    for name in ('weight', 'bias'))
    return (SEMANTIC_WEIGHT * weight[:, 0]
            + (1 - SEMANTIC_WEIGHT) * weight[:, 1] + bias)


_PARTS = (r'(patch_embed\..+|stages\..+|norm3\..+'
          r'|semantic_embed_[wb]\.\d\..+)')


def _family(name: str, prefix: str) -> Family:
    return Family(
        name,
        marks=(rf'{prefix}patch_embed\.projection\.weight',
               rf'{prefix}semantic_embed_w\.0\.weight'),
        rules={
            rf'{prefix}{_PARTS}': r'backbone.\1',
            rf'{prefix}norm[012]\..+': None,
            r'fcneck\.weight': 'neck.fc.weight',
            r'bottleneck\..+': None,
            r'classifier\..+': None,
        },
        describe=_describe, adjust=_adjust)


REID = _family('solider-reid', r'base\.')
PRETRAINED = _family('solider', '')
