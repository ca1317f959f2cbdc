# Real images on a CPU: OSNet x0.25, from a checkpoint trained on MSMT17, from
# labelled PKU-Reid to unlabelled Market-1501 images.
#   python tools/model_converters/convert_weights.py SRC \
#       data/weights/osnet_x0_25_msmt17.pth
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/128x64.py',
    '../_base_/backbones/osnet_x0_25.py',
    '../_base_/methods/daam.py',
    '../_base_/schedules/cpu.py',
]

_d = _base_._domains
protocol = ('unsupervised domain adaptation: '
            'PKU-Reid + Market-1501-dev without labels, training parts')
model = dict(
    **_base_._encoder,
    id_head=dict(max_classes=62 + 10679 // 2),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='data/weights/osnet_x0_25_msmt17.pth',
        allow_missing=[
            'bnneck', 'id_head', 'attention', 'specific_head', 'similarity'
        ]))
train_dataloader = dict(
    batch_sampler=dict(quotas='equal', iters_per_epoch=120),
    dataset=dict(domains=[
        dict(_d.pku_reid, role='labelled'),
        dict(_d.market1501_dev, role='unlabelled'),
    ]))
val_dataloader = dict(dataset=dict(domains=[_d.market1501_dev]))
test_dataloader = val_dataloader
# Short: a pretrained network, and embedding the target images before each
# epoch takes as long as a third of the epoch.
_warm_up, _cosine = _base_.param_scheduler
param_scheduler = [_warm_up, dict(_cosine, end=3)]
train_cfg = dict(max_epochs=3)
optim_wrapper = dict(optimizer=dict(lr=3.5e-4))
default_hooks = dict(
    pseudo_labels=dict(begin=1, clustering=dict(eps=0.5)))
