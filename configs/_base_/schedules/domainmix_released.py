# DomainMix as the released code behaves: what its learning rate really was
# (both schedulers start anew in every epoch of the second phase, hence
# 0.01 x 3.5e-4, which is what milestone 15 has left anyway), Adam without a
# past in each of these epochs, and an identity loss ten times as heavy before.
_base_ = ['../default_runtime.py']

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='AlternatingOptimWrapperConstructor',
    optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=5e-4))
param_scheduler = [
    # MMEngine reaches the full rate one epoch before `end`.
    dict(type='LinearLR', start_factor=0.01, begin=0, end=6),
    dict(type='MultiStepLR', milestones=[10, 15], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
find_unused_parameters = True

default_hooks = dict(
    pseudo_labels=dict(
        type='PseudoLabelHook',
        clustering=dict(
            k1=30, k2=6, eps=0.6, eps_gap=0.02, min_samples=4, min_size=5),
        reset_moments=False,
        bf16=False),
    phases=dict(
        type='DomainMixPhaseHook',
        phases=[
            dict(begin=0, loss_weights=dict(id=10.0)),
            dict(
                begin=30,
                loss_weights=dict(id=1.0),
                discriminator_interval=10),
        ]),
    reset_optimizer=dict(type='ResetOptimizerHook', begin=30))
