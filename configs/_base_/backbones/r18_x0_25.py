# ResNet-18 with a quarter of the channels (0.7 M parameters) and the last
# stride removed, from scratch. On a CPU its dense convolutions learn several
# times as fast as the depthwise ones of OSNet x0.25.
_base_ = './preprocessor.py'

_encoder = dict(
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(1, 2, 2, 1)),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck'),
    data_preprocessor=_base_._preprocessor)
