_base_ = [
    '../_base_/models/r50_ibn.py',
    '../_base_/datasets/msmt17.py',
    '../_base_/schedules/baseline.py',
]

model = dict(
    id_head=dict(type='IdentityHead', in_channels=2048, max_classes=1041),
    triplet=dict(type='BatchHardTripletLoss', margin=0.3))
