# The strong baseline on one labelled set, tested on several others.
_base_ = [
    '../_base_/models/r50.py',
    '../_base_/datasets/protocols/direct_msmt17merged.py',
    '../_base_/schedules/baseline.py',
]

model = dict(
    id_head=dict(type='IdentityHead', in_channels=2048, max_classes=4101),
    triplet=dict(type='BatchHardTripletLoss', margin=0.3))
# about as many images per epoch as there are
train_dataloader = dict(batch_sampler=dict(iters_per_epoch=2000))
