# What the learning rate of the released code really was: both schedulers start
# anew in every epoch of the second phase, hence 0.01 x 3.5e-4, which is what
# milestone 15 has left anyway.
optim_wrapper = dict(
    type='OptimWrapper',
    constructor='AlternatingOptimWrapperConstructor',
    optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=5e-4))
param_scheduler = [
    # MMEngine reaches the full rate one epoch before `end`.
    dict(type='LinearLR', start_factor=0.01, begin=0, end=6),
    dict(type='MultiStepLR', milestones=[10, 15], gamma=0.1),
]
train_cfg = dict(type='ResumableEpochLoop', max_epochs=60, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
