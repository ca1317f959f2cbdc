# ReMix on real images, on a CPU: MobileNetV2 from ImageNet, 300 labelled
# people of Market-1501-dev and, without labels, videos of other people by
# single cameras. PKU-Reid is not seen.
_base_ = [
    '../_base_/small_protocols.py',
    '../_base_/pipelines/two_views_256x128_cpu.py',
    '../_base_/backbones/mobilenet_v2.py',
    '../_base_/methods/remix.py',
    '../_base_/schedules/one_cycle_imagenet.py',
]

_p = _base_._protocols.market1501_dev_300_videos
_quotas = {
    'market1501-dev': 6,
    'market1501-dev-videos': 3,
    'cuhk03-dev-videos': 2,
    'pets2009': 1
}
protocol = _p.protocol
model = dict(
    **_base_._encoder,
    momentum=0.995,
    momentum_warmup=True,
    # The memory keeps up with a short training.
    memory=dict(momentum=0.2))
train_dataloader = dict(
    # 48 labelled images and 48 of videos
    batch_size=96,
    batch_sampler=dict(quotas=_quotas, iters_per_epoch=60),
    dataset=_p.train)
val_dataloader = dict(dataset=_p.test)
test_dataloader = val_dataloader
default_hooks = dict(
    pseudo_labels=dict(
        # People come back in other videos, which are of the same cameras.
        scope='domain',
        camera_profiles=True,
        clustering=dict(k1=15, k2=6, k1_intra=5, min_samples=4),
        begin=2,
        refresh='online'))
