# The recommended recipe in small, on toy pedestrians without labels: for the
# notebooks in docs/en/notebooks, a minute on a CPU. tools/adapt.py fills in
# the domains and the weights to start from.
_base_ = [
    '../_base_/pipelines/128x64.py',
    '../_base_/backbones/r18_x0_25.py',
    '../_base_/methods/mixture.py',
    '../_base_/schedules/one_cycle.py',
]

_mine = dict(type='Domain', data_root='data/cameras')
model = dict(
    **_base_._encoder,
    momentum_encoder=dict(warmup=False, momentum=0.98),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='work_dirs/start/epoch_2.pth',
        allow_missing=['momentum_encoder'],
        skip=['id_head']))
train_dataloader = dict(
    batch_size=32,
    batch_sampler=dict(iters_per_epoch=40),
    dataset=dict(domains=[dict(_mine, role='unlabelled')]))
val_dataloader = dict(dataset=dict(domains=[_mine]))
test_dataloader = val_dataloader
default_hooks = dict(
    pseudo_labels=dict(clustering=dict(eps=0.4)),
    start_share=dict(type='StartShareHook', share=0.4))

_warm_up, _cosine = _base_.param_scheduler
param_scheduler = [_warm_up, dict(_cosine, end=3)]
train_cfg = dict(max_epochs=3, val_interval=3)
