# ViT-L/16 on 256 x 128; the class token is the feature.
_base_ = './preprocessor.py'

_encoder = dict(
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch='large',
        img_size=(256, 128),
        patch_size=16,
        out_type='cls_token'),
    neck=[],
    bnneck=dict(type='BNNeck'),
    data_preprocessor=_base_._preprocessor)
# The maps of each layer are computed again in the backward pass.
_checkpointed = [f'backbone.layers.{layer}' for layer in range(24)]
