# The recommended recipe on labels and videos: OSNet x0.25, trained on MSMT17,
# on 300 labelled people of Market-1501-dev and, without labels, videos of
# other people by single cameras. PKU-Reid is not seen.
_base_ = [
    '../_base_/small_protocols.py',
    '../_base_/pipelines/256x128_cpu.py',
    '../_base_/backbones/osnet_x0_25.py',
    '../_base_/methods/mixture.py',
    '../_base_/schedules/one_cycle.py',
]

_p = _base_._protocols.market1501_dev_300_videos
protocol = _p.protocol
model = dict(
    **_base_._encoder,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='data/weights/osnet_x0_25_msmt17.pth',
        allow_missing=['bnneck', 'momentum_encoder']))
train_dataloader = dict(
    batch_sampler=dict(
        quotas={
            'market1501-dev': 8,
            'market1501-dev-videos': 5,
            'cuhk03-dev-videos': 2,
            'pets2009': 1
        },
        iters_per_epoch=160),
    dataset=_p.train)
val_dataloader = dict(dataset=_p.test)
test_dataloader = val_dataloader
