# OSNet x0.25 (0.2 M parameters); the neck is torchreid's `fc`.
_base_ = './preprocessor.py'

_encoder = dict(
    backbone=dict(type='OSNet', width=0.25),
    neck=dict(
        type='mmpretrain.LinearNeck',
        in_channels=128,
        out_channels=512,
        gap_dim=2,
        norm_cfg=dict(type='BN1d'),
        act_cfg=dict(type='ReLU')),
    bnneck=dict(type='BNNeck'),
    data_preprocessor=_base_._preprocessor)
