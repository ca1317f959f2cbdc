# DAAM: 120 epochs, of which the first 20 see the source only; x 0.1 at epochs
# 40 and 70.
_base_ = ['../default_runtime.py']

optim_wrapper = dict(
    type='Bf16OptimWrapper',
    optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=5e-4, fused=True))
param_scheduler = [
    # MMEngine reaches the full rate one epoch before `end`.
    dict(type='LinearLR', start_factor=0.01, begin=0, end=11),
    dict(type='MultiStepLR', milestones=[40, 70], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=120, val_interval=20)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
find_unused_parameters = True

default_hooks = dict(
    pseudo_labels=dict(
        type='PseudoLabelHook',
        clustering=dict(k1=30, k2=6, eps=0.6, min_samples=4),
        begin=20))
