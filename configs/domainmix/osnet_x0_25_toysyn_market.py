# Real images on a CPU: OSNet x0.25 starts from torchreid's MSMT17 checkpoint,
# learns from labelled toy pedestrians and unlabelled Market-1501 images, and
# is tested on PKU-Reid and on held-out identities of Market-1501.
#   python tools/model_converters/convert_weights.py SRC \
#       data/weights/osnet_x0_25_msmt17.pth --from torchreid
_base_ = [
    '../_base_/models/domainmix_osnet_x0_25.py',
    '../_base_/datasets/toysyn_market1501dev.py',
    '../_base_/schedules/domainmix_cpu.py',
]

model = dict(
    id_head=dict(max_classes=200 + 10679 // 5),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='data/weights/osnet_x0_25_msmt17.pth',
        allow_missing=['bnneck', 'id_head', 'domain_head']))

# depthwise convolutions are no faster in bf16
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=3.5e-4))
default_hooks = dict(
    pseudo_labels=dict(
        pipeline=_base_.test_pipeline,
        begin=0,
        bf16=True,
        clustering=dict(eps=0.5)),
    phases=dict(phases=[
        dict(begin=0),
        dict(begin=1, discriminator_interval=10),
    ]))
