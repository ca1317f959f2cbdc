# The strong baseline in protocol 2: training parts of three sources.
_base_ = [
    '../_base_/protocols.py',
    '../_base_/pipelines/256x128.py',
    '../_base_/backbones/r50.py',
    '../_base_/methods/baseline.py',
    '../_base_/schedules/baseline.py',
]

_p = _base_._protocols.dg_p2_msmt17
protocol = _p.protocol
model = dict(
    **_base_._encoder,
    id_head=dict(max_classes=13452),
    triplet=dict(margin=0.3))
train_dataloader = dict(
    # about as many images per epoch as there are
    batch_sampler=dict(iters_per_epoch=850),
    dataset=_p.train)
val_dataloader = dict(dataset=_p.test)
test_dataloader = val_dataloader
