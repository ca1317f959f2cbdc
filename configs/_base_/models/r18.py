# ResNet-18 with the last stride removed, from scratch.
_base_ = ['./preprocessor.py']

model = dict(
    type='ReIDBaseline',
    backbone=dict(
        type='mmpretrain.ResNet', depth=18, strides=(1, 2, 2, 1)),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck', in_channels=512),
    data_preprocessor=_base_.data_preprocessor)
