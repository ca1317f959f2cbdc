# ResNet-50-IBN-a with the last stride removed, average pooling, BNNeck.
_base_ = './preprocessor.py'

_encoder = dict(
    backbone=dict(
        type='ResNetIBN',
        depth=50,
        strides=(1, 2, 2, 1),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://github.com/XingangPan/IBN-Net/releases/'
            'download/v1.0/resnet50_ibn_a-d9d0bb7b.pth',
            skip=['fc'])),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck'),
    data_preprocessor=_base_._preprocessor)
