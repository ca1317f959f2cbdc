# The plain mixture, the second row of the tables of all methods: contrast
# with labelled identities and clusters of any size, and the triplet loss.
# MobileNetV2 from ImageNet, labelled CUHK03-dev, unlabelled Market-1501-dev.
_base_ = [
    '../_base_/small_protocols.py',
    '../_base_/pipelines/256x128_cpu.py',
    '../_base_/backbones/mobilenet_v2.py',
    '../_base_/methods/plain_mixture.py',
    '../_base_/schedules/one_cycle.py',
]

_p = _base_._protocols.cuhk03_dev_market1501_dev
protocol = _p.protocol
model = dict(
    **_base_._encoder,
    triplet=dict(type='BatchHardTripletLoss'))
train_dataloader = dict(
    batch_sampler=dict(quotas='equal', iters_per_epoch=60), dataset=_p.train)
# ImageNet's weights have further to go than those that know people.
optim_wrapper = dict(optimizer=dict(lr=1e-3))
val_dataloader = dict(dataset=_p.test)
test_dataloader = val_dataloader
default_hooks = dict(
    pseudo_labels=dict(begin=2, clustering=dict(eps=0.55)))
