"""A baseline on labelled toy data with the components beside this file."""

_base_ = [
    '../../configs/_base_/domains.py',
    '../../configs/_base_/pipelines/128x64.py',
    '../../configs/_base_/backbones/preprocessor.py',
    '../../configs/_base_/methods/baseline.py',
    '../../configs/_base_/schedules/cpu.py',
]

custom_imports = dict(imports=['projects.custom_components.components'])

_d = _base_._domains
model = dict(
    data_preprocessor=_base_._preprocessor,
    backbone=dict(type='SmallConvNet', channels=(16, 32, 64)),
    neck=dict(type='StripePooling', num_stripes=4),
    bnneck=dict(type='BNNeck'),
    id_head=dict(type='CosineIdentityHead', max_classes=200),
    losses=dict(spread=dict(type='SpreadLoss', weight=0.1)))

train_dataloader = dict(
    batch_size=32,
    batch_sampler=dict(
        _delete_=True,
        type='OneDomainBatchSampler',
        num_instances=4,
        iters_per_epoch=50),
    dataset=dict(domains=[dict(_d.toy_synthetic, role='labelled')]))
val_dataloader = dict(dataset=dict(domains=[_d.toy_unseen]))
test_dataloader = val_dataloader

_warm_up, _cosine = _base_.param_scheduler
param_scheduler = [_warm_up, dict(_cosine, end=4)]
train_cfg = dict(max_epochs=4)

# several processes have to be told that HeadFirstHook leaves weights out
find_unused_parameters = True
default_hooks = dict(head_first=dict(type='HeadFirstHook', epochs=1))
