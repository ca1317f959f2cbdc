# ViT-S/16 on 256 x 128; the class token is the feature.
_base_ = ['./preprocessor.py']

model = dict(
    type='ReIDBaseline',
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch='deit-small',
        img_size=(256, 128),
        patch_size=16,
        out_type='cls_token'),
    neck=[],
    bnneck=dict(type='BNNeck', in_channels=384),
    data_preprocessor=_base_.data_preprocessor)
