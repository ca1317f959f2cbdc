# The strong baseline on one labelled set, tested on several others.
_base_ = [
    '../_base_/models/r50.py',
    '../_base_/datasets/protocols/direct_market1501.py',
    '../_base_/schedules/baseline.py',
]

model = dict(
    id_head=dict(type='IdentityHead', in_channels=2048, max_classes=751),
    triplet=dict(type='BatchHardTripletLoss', margin=0.3))
