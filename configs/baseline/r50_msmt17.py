# The strong baseline on one labelled set, tested on another.
_base_ = [
    '../_base_/models/r50.py',
    '../_base_/datasets/msmt17.py',
    '../_base_/schedules/baseline.py',
]

model = dict(
    id_head=dict(type='IdentityHead', in_channels=2048, max_classes=1041),
    triplet=dict(type='BatchHardTripletLoss', margin=0.3))
# The evaluated and saved model is an average over iterations; two lines:
custom_hooks = [
    dict(type='EMAHook', momentum=0.001, update_buffers=True),
]
