# Market-1501 -> DukeMTMC-reID.
_base_ = [
    '../_base_/protocols.py',
    '../_base_/pipelines/256x128.py',
    '../_base_/backbones/r50.py',
    '../_base_/methods/daam.py',
    '../_base_/schedules/daam.py',
]

_p = _base_._protocols.uda_market1501_dukemtmc
protocol = _p.protocol
model = dict(
    **_base_._encoder,
    id_head=dict(max_classes=751 + 16522 // 2),
    triplet=dict(margin=0.3))
# 64 images of each domain
train_dataloader = dict(
    batch_size=128,
    batch_sampler=dict(quotas='equal'),
    dataset=_p.train)
val_dataloader = dict(dataset=_p.test)
test_dataloader = val_dataloader
