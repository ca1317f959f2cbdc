# ReMix on a ResNet-18 with a quarter of the channels (0.7 M parameters) and
# the last stride removed, from scratch.
_base_ = ['./preprocessor.py']

model = dict(
    type='ReMix',
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(1, 2, 2, 1)),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck', in_channels=128),
    loss_weights=dict(camera_centroids=0.5),
    # An average over 1000 iterations would still be near the first weights.
    momentum=0.99,
    momentum_warmup=True,
    data_preprocessor=_base_.data_preprocessor)
