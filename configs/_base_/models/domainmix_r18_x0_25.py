# DomainMix on a ResNet-18 with a quarter of the channels (0.7 M parameters)
# and the last stride removed, from scratch. On a CPU its dense convolutions
# learn several times as fast as the depthwise ones of OSNet x0.25.
_base_ = ['./preprocessor.py']

model = dict(
    type='DomainMix',
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(1, 2, 2, 1)),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck', in_channels=128),
    # max_classes is set where the domains are known: labelled identities +
    # unlabelled images // smallest cluster.
    id_head=dict(type='IdentityHead', in_channels=128),
    triplet=dict(type='BatchHardTripletLoss'),
    domain_head=dict(
        type='DomainBalanceHead',
        in_channels=128,
        hidden_channels=(128, 64)),
    data_preprocessor=_base_.data_preprocessor)
