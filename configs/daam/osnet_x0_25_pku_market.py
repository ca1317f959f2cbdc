# Real images on a CPU: OSNet x0.25, from a checkpoint trained on MSMT17, from
# labelled PKU-Reid to unlabelled Market-1501 images.
#   python tools/model_converters/convert_weights.py SRC \
#       data/weights/osnet_x0_25_msmt17.pth --from torchreid
_base_ = [
    '../_base_/models/daam_osnet_x0_25.py',
    '../_base_/datasets/pku_market1501dev.py',
    '../_base_/schedules/daam_cpu.py',
]

model = dict(
    id_head=dict(max_classes=62 + 10679 // 2),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='data/weights/osnet_x0_25_msmt17.pth',
        allow_missing=[
            'bnneck', 'id_head', 'attention', 'specific_head', 'similarity'
        ]))
# Short: a pretrained network, and embedding the target images before each
# epoch takes as long as a third of the epoch.
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
        end=3,
        convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=3)
# depthwise convolutions are no faster in bf16
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=3.5e-4))
default_hooks = dict(
    pseudo_labels=dict(
        pipeline=_base_.test_pipeline,
        begin=1,
        bf16=False,
        clustering=dict(eps=0.5)))
