# ReMix in minutes on a CPU: 8 epochs.
_base_ = ['./remix.py']

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
        end=8,
        convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=8, val_interval=4)

default_hooks = dict(logger=dict(interval=50))
