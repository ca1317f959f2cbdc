# ResNet-50 with the last stride removed, average pooling, BNNeck.
_base_ = './preprocessor.py'

_encoder = dict(
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=50,
        strides=(1, 2, 2, 1),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='torchvision://resnet50',
            skip=['fc'])),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck'),
    data_preprocessor=_base_._preprocessor)
