# Real images on a CPU: OSNet x0.25, from a checkpoint trained on MSMT17, on
# labelled and unlabelled images of Market-1501 and PETS 2009; tested on
# PKU-Reid, which is not seen.
#   python tools/model_converters/convert_weights.py SRC \
#       data/weights/osnet_x0_25_msmt17.pth --from torchreid
_base_ = [
    '../_base_/models/remix_osnet_x0_25.py',
    '../_base_/datasets/remix_market1501dev.py',
    '../_base_/schedules/remix_cpu.py',
]

model = dict(
    init_cfg=dict(
        type='Pretrained',
        checkpoint='data/weights/osnet_x0_25_msmt17.pth',
        allow_missing=['bnneck', 'momentum_encoder']))
train_dataloader = dict(batch_sampler=dict(iters_per_epoch=160))
# depthwise convolutions are no faster in bf16
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=3.5e-4))
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
        end=6,
        convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=6, val_interval=3)
default_hooks = dict(
    pseudo_labels=dict(
        pipeline=_base_.test_pipeline,
        # People come back in other videos, which are of the same cameras.
        scope='domain',
        clustering=dict(k1=30, k2=6, min_samples=4),
        # The checkpoint knows images of another size.
        begin=1,
        refresh='online',
        bf16=False))
