# Minutes on a CPU: 8 epochs, warm-up over 1, then a cosine.
optim_wrapper = dict(
    type='Bf16OptimWrapper',
    optimizer=dict(type='Adam', lr=1.5e-3, weight_decay=5e-4, fused=True))
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
        end=8,
        convert_to_iter_based=True),
]
train_cfg = dict(type='ResumableEpochLoop', max_epochs=8, val_interval=4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
