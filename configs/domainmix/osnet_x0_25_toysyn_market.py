# Real images on a CPU: OSNet x0.25 starts from torchreid's MSMT17 checkpoint,
# learns from labelled toy pedestrians and unlabelled Market-1501 images, and
# is tested on PKU-Reid and on held-out identities of Market-1501.
#   python tools/model_converters/convert_weights.py SRC \
#       data/weights/osnet_x0_25_msmt17.pth
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/160x80.py',
    '../_base_/backbones/osnet_x0_25.py',
    '../_base_/methods/domainmix.py',
    '../_base_/schedules/cpu_two_optimizers.py',
]

_d = _base_._domains
model = dict(
    **_base_._encoder,
    id_head=dict(max_classes=200 + 10679 // 5),
    domain_head=dict(hidden_channels=(256, 128)),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='data/weights/osnet_x0_25_msmt17.pth',
        allow_missing=['bnneck', 'id_head', 'domain_head']))
train_dataloader = dict(
    batch_sampler=dict(quotas='equal', iters_per_epoch=50),
    dataset=dict(domains=[
        dict(_d.toy_synthetic, role='labelled'),
        dict(_d.market1501_dev, role='unlabelled'),
    ]))
val_dataloader = dict(dataset=dict(domains=[_d.pku_reid, _d.market1501_dev]))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=3.5e-4))
default_hooks = dict(
    pseudo_labels=dict(
        clustering=dict(eps=0.5)),
    phases=dict(phases=[
        dict(begin=0),
        dict(begin=1, discriminator_interval=10),
    ]))
