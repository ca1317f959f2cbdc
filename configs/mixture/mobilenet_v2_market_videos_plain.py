# The plain mixture on the data of ReMix.
_base_ = [
    '../_base_/small_protocols.py',
    '../_base_/pipelines/256x128_cpu.py',
    '../_base_/backbones/mobilenet_v2.py',
    '../_base_/methods/plain_mixture.py',
    '../_base_/schedules/one_cycle_imagenet.py',
]

_p = _base_._protocols.market1501_dev_300_videos
protocol = _p.protocol
model = dict(
    **_base_._encoder,
    triplet=dict(type='BatchHardTripletLoss'))
train_dataloader = dict(
    batch_size=96,
    batch_sampler=dict(
        quotas={
            'market1501-dev': 6,
            'market1501-dev-videos': 3,
            'cuhk03-dev-videos': 2,
            'pets2009': 1
        },
        iters_per_epoch=60),
    dataset=_p.train)
val_dataloader = dict(dataset=_p.test)
test_dataloader = val_dataloader
default_hooks = dict(
    pseudo_labels=dict(begin=2, clustering=dict(eps=0.55)))
