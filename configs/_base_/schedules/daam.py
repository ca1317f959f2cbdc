# 120 epochs, warm-up over 10, then x 0.1 at epochs 40 and 70.
optim_wrapper = dict(
    type='Bf16OptimWrapper',
    optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=5e-4, fused=True))
param_scheduler = [
    # MMEngine reaches the full rate one epoch before `end`.
    dict(type='LinearLR', start_factor=0.01, begin=0, end=11),
    dict(type='MultiStepLR', milestones=[40, 70], gamma=0.1),
]
train_cfg = dict(type='ResumableEpochLoop', max_epochs=120, val_interval=20)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
