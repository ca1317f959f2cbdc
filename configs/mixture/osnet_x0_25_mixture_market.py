# Adapt a trained network to cameras of which there are only images: OSNet
# x0.25, trained on MSMT17, on Market-1501 images without labels. Tested on
# them and on cameras that it has not seen.
#   python tools/model_converters/convert_weights.py SRC \
#       data/weights/osnet_x0_25_msmt17.pth
_base_ = [
    '../_base_/small_protocols.py',
    '../_base_/pipelines/256x128_cpu.py',
    '../_base_/backbones/osnet_x0_25.py',
    '../_base_/methods/mixture.py',
    '../_base_/schedules/one_cycle.py',
]

_d = _base_._domains
model = dict(
    **_base_._encoder,
    # The start is good: the average begins with it.
    momentum_encoder=dict(warmup=False),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='data/weights/osnet_x0_25_msmt17.pth',
        allow_missing=['bnneck', 'momentum_encoder']))
train_dataloader = dict(
    batch_sampler=dict(iters_per_epoch=160),
    dataset=dict(domains=[dict(_d.market1501_dev, role='unlabelled')]))
val_dataloader = dict(
    dataset=dict(domains=[_d.pku_reid, _d.market1501_dev, _d.cuhk03_dev]))
test_dataloader = val_dataloader
# A share of the start stays in the trained weights.
default_hooks = dict(start_share=dict(type='StartShareHook', share=0.4))
