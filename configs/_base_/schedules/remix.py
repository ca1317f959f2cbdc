# 20 epochs, warm-up over 2, no decay.
optim_wrapper = dict(
    type='Bf16OptimWrapper',
    optimizer=dict(type='Adam', lr=3.5e-4, weight_decay=5e-4, fused=True))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.1,
        begin=0,
        end=2,
        convert_to_iter_based=True),
]
train_cfg = dict(type='ResumableEpochLoop', max_epochs=20, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
