# The small model of the search page: trained on toy pedestrians in the cameras
# of its gallery, on people who are not in it, in minutes on a CPU. The people
# held out (calibration) give the thresholds, the gallery shows others.
_base_ = [
    '../_base_/datasets/pipeline_128x64.py',
    '../_base_/datasets/loaders_cpu.py',
    '../_base_/models/preprocessor.py',
    '../_base_/schedules/baseline.py',
]

model = dict(
    type='ReIDBaseline',
    backbone=dict(
        type='mmpretrain.ResNet',
        depth=18,
        stem_channels=16,
        base_channels=16,
        strides=(1, 2, 2, 1)),
    neck=dict(type='mmpretrain.GlobalAveragePooling'),
    bnneck=dict(type='BNNeck', in_channels=128),
    id_head=dict(type='IdentityHead', in_channels=128, max_classes=150),
    triplet=dict(type='BatchHardTripletLoss'),
    data_preprocessor=_base_.data_preprocessor)

people = dict(
    type='Market1501', data_root='data/toy/demo_people', name='toy-people')
train_dataloader = dict(
    batch_sampler=dict(quotas={'toy-people': 1}, iters_per_epoch=100),
    dataset=dict(
        domains=[dict(people, role='labelled')],
        pipeline=_base_.train_pipeline))
val_dataloader = dict(
    dataset=dict(domains=[people], pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.01,
        begin=0,
        end=1,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        begin=1,
        end=4,
        convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=4, val_interval=4)
default_hooks = dict(logger=dict(interval=50))
