# The recommended recipe for an hour: 25 epochs.
_base_ = './osnet_x0_25_mixture_market.py'

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
        end=25,
        convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=25, val_interval=25)
