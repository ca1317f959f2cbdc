# The recommended recipe for an hour: 25 epochs.
_base_ = './osnet_x0_25_mixture_market.py'

_warm_up, _cosine = _base_.param_scheduler
param_scheduler = [_warm_up, dict(_cosine, end=25)]
train_cfg = dict(max_epochs=25, val_interval=25)
