# What the small real recipes from ImageNet share: MobileNetV2, labelled
# CUHK03-dev, unlabelled Market-1501-dev; PKU-Reid is not seen.
_base_ = [
    './small_protocols.py',
    './pipelines/256x128_cpu.py',
    './backbones/mobilenet_v2.py',
    './schedules/one_cycle_imagenet.py',
]

_p = _base_._protocols.cuhk03_dev_market1501_dev
protocol = _p.protocol
train_dataloader = dict(
    batch_sampler=dict(quotas='equal', iters_per_epoch=60), dataset=_p.train)
val_dataloader = dict(dataset=_p.test)
test_dataloader = val_dataloader
