# DomainMix in minutes on a CPU, from scratch: 8 epochs, of which the first 4
# see labelled images only (features of an untrained network can not be
# clustered).
_base_ = ['./domainmix_fixed.py']

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

default_hooks = dict(
    logger=dict(interval=50),
    pseudo_labels=dict(begin=4, bf16=True),
    phases=dict(phases=[
        dict(begin=0),
        dict(begin=4, discriminator_interval=10),
    ]))
