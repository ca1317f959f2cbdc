# Minutes on a CPU, from weights that already know people or things: 5 epochs,
# the rate rises over the first of them and falls over the others.
optim_wrapper = dict(
    type='Bf16OptimWrapper',
    optimizer=dict(type='AdamW', lr=3.5e-4, weight_decay=5e-4, fused=True))
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.04,
        begin=0,
        end=1,
        convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        begin=1,
        end=5,
        convert_to_iter_based=True),
]
train_cfg = dict(type='ResumableEpochLoop', max_epochs=5, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
