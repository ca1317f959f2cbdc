# The strong baseline in protocol 3: all images of three sources.
_base_ = [
    '../_base_/models/r50.py',
    '../_base_/datasets/protocols/dg_p3_cuhk03.py',
    '../_base_/schedules/baseline.py',
]

model = dict(
    id_head=dict(type='IdentityHead', in_channels=2048, max_classes=17536),
    triplet=dict(type='BatchHardTripletLoss', margin=0.3))
# about as many images per epoch as there are
train_dataloader = dict(batch_sampler=dict(iters_per_epoch=3000))
