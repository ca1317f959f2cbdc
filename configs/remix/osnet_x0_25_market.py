# Real images on a CPU: OSNet x0.25, from a checkpoint trained on MSMT17, on
# 300 labelled people of Market-1501 and, without labels, the other 301 as
# videos and crops of PETS 2009; tested on PKU-Reid, which is not seen, and on
# held-out identities of Market-1501.
#   python tools/model_converters/convert_weights.py SRC \
#       data/weights/osnet_x0_25_msmt17.pth
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/two_views_128x64_colour.py',
    '../_base_/backbones/osnet_x0_25.py',
    '../_base_/methods/remix.py',
    '../_base_/schedules/cpu.py',
]

_d = _base_._domains
_labelled = dict(_d.market1501_dev_300, role='labelled')
model = dict(
    **_base_._encoder,
    # An average over 1000 iterations would still be near the first weights.
    momentum=0.99,
    momentum_warmup=True,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='data/weights/osnet_x0_25_msmt17.pth',
        allow_missing=['bnneck', 'momentum_encoder']))
train_dataloader = dict(
    # 64 labelled images and 32 of videos
    batch_size=96,
    batch_sampler=dict(
        quotas={
            'market1501-dev': 8,
            'market1501-dev-videos': 3,
            'pets2009': 1
        },
        iters_per_epoch=160),
    dataset=dict(domains=[
        _labelled,
        dict(_d.market1501_dev_videos, role='unlabelled'),
        dict(_d.pets2009, role='unlabelled'),
    ]))
val_dataloader = dict(
    dataset=dict(domains=[_d.pku_reid, _d.market1501_dev]))
test_dataloader = val_dataloader

_warm_up, _cosine = _base_.param_scheduler
param_scheduler = [_warm_up, dict(_cosine, end=6)]
train_cfg = dict(max_epochs=6, val_interval=3)
optim_wrapper = dict(optimizer=dict(lr=3.5e-4))
default_hooks = dict(
    pseudo_labels=dict(
        # People come back in other videos, which are of the same cameras.
        scope='domain',
        clustering=dict(k1=30, k2=6, min_samples=4),
        # The checkpoint knows images of another size.
        begin=1,
        refresh='online'))
