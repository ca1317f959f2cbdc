# OSNet x0.25 on MSMT17, tested on three other sets. Public weights of it need
# no training:
#   python tools/model_converters/convert_weights.py SRC \
#       data/weights/osnet_x0_25_msmt17.pth
#   python tools/test.py configs/baseline/osnet_x0_25_msmt17.py \
#       data/weights/osnet_x0_25_msmt17.pth
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/256x128.py',
    '../_base_/backbones/osnet_x0_25.py',
    '../_base_/methods/baseline.py',
    '../_base_/schedules/baseline.py',
]

_d = _base_._domains
protocol = 'direct transfer: MSMT17 -> PKU-Reid, Market-1501-dev, CUHK03-dev'
model = dict(**_base_._encoder, id_head=dict(max_classes=1041))
train_dataloader = dict(
    dataset=dict(domains=[dict(_d.msmt17, role='labelled')]))
# resized as torchreid does, which trained the weights
_load, _resize, _pack = _base_.test_pipeline
test_pipeline = [_load, dict(_resize, interpolation='bilinear'), _pack]
val_dataloader = dict(
    num_workers=0,
    dataset=dict(
        domains=[_d.pku_reid, _d.market1501_dev, _d.cuhk03_dev],
        pipeline=test_pipeline))
test_dataloader = val_dataloader
