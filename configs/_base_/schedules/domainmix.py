# 60 epochs, warm-up over 5, then x 0.1 at epochs 30 and 50; the discriminator
# has an optimizer of its own.
optim_wrapper = dict(
    type='Bf16OptimWrapper',
    constructor='AlternatingOptimWrapperConstructor',
    optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=5e-4, fused=True))
param_scheduler = [
    # MMEngine reaches the full rate one epoch before `end`.
    dict(type='LinearLR', start_factor=0.01, begin=0, end=6),
    dict(type='MultiStepLR', milestones=[30, 50], gamma=0.1),
]
train_cfg = dict(type='ResumableEpochLoop', max_epochs=60, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
