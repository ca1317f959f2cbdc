# DAAM on a ResNet-18 with a quarter of the channels (0.7 M parameters) and
# the last stride removed, from scratch.
_base_ = ['./preprocessor.py']

model = dict(
    type='DAAM',
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(1, 2, 2, 1)),
    attention=dict(type='DAAMNeck', in_channels=128),
    specific_head=dict(type='DomainSpecificHead'),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck', in_channels=128),
    # max_classes is set where the domains are known.
    id_head=dict(type='IdentityHead', in_channels=128),
    triplet=dict(type='BatchHardTripletLoss'),
    similarity=dict(type='HypersphereLoss', in_channels=128),
    target=dict(type='SoftLabelLoss'),
    loss_weights=dict(similarity=0.1, specific=0.1),
    data_preprocessor=_base_.data_preprocessor)
