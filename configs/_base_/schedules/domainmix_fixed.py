# DomainMix with the repairs of docs/en/methods/domainmix.md: one optimizer
# and one schedule for the whole run, equal loss weights in both phases.
_base_ = ['../default_runtime.py']

optim_wrapper = dict(
    type='Bf16OptimWrapper',
    constructor='AlternatingOptimWrapperConstructor',
    optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=5e-4, fused=True))
param_scheduler = [
    # MMEngine reaches the full rate one epoch before `end`.
    dict(type='LinearLR', start_factor=0.01, begin=0, end=6),
    dict(type='MultiStepLR', milestones=[30, 50], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
find_unused_parameters = True

default_hooks = dict(
    pseudo_labels=dict(
        type='PseudoLabelHook',
        clustering=dict(
            k1=30, k2=6, eps=0.6, eps_gap=0.02, min_samples=4, min_size=5)),
    phases=dict(
        type='DomainMixPhaseHook',
        phases=[
            dict(begin=0),
            dict(begin=20, discriminator_interval=10),
        ]))
