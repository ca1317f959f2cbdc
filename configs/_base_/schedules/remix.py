# ReMix: 20 epochs, warm-up over 2, no decay.
_base_ = ['../default_runtime.py']

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
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

default_hooks = dict(
    pseudo_labels=dict(
        type='ReMixHook',
        # Short lists: a person has few images in a video.
        clustering=dict(
            type='JaccardDBSCAN',
            k1=6,
            k2=2,
            eps=0.5,
            min_samples=2,
            criteria=None),
        min_size=4,
        max_images=40000))
