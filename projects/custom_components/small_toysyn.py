"""A baseline on labelled toy data with the components beside this file."""

_base_ = [
    '../../configs/_base_/default_runtime.py',
    '../../configs/_base_/datasets/pipeline_128x64.py',
    '../../configs/_base_/models/preprocessor.py',
]

custom_imports = dict(imports=['projects.custom_components.components'])

model = dict(
    type='ReIDBaseline',
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(type='SmallConvNet', channels=(16, 32, 64)),
    neck=dict(type='StripePooling', num_stripes=4),
    bnneck=dict(type='BNNeck', in_channels=4 * 64),
    id_head=dict(
        type='CosineIdentityHead', in_channels=4 * 64, max_classes=200),
    triplet=dict(type='BatchHardTripletLoss'))

train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler'),
    batch_sampler=dict(
        type='OneDomainBatchSampler', num_instances=4, iters_per_epoch=50),
    dataset=dict(
        type='DomainMixture',
        domains=[
            dict(
                type='PersonX',
                name='toy-synthetic',
                data_root='data/toy/synthetic',
                role='labelled')
        ],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    batch_size=128,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='RetrievalDataset',
        domains=[
            dict(
                type='Market1501',
                name='toy-unseen',
                data_root='data/toy/unseen')
        ],
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='ReIDMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=4, val_interval=4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# several processes have to be told that HeadFirstHook leaves weights out
find_unused_parameters = True
default_hooks = dict(head_first=dict(type='HeadFirstHook', epochs=1))
