# The strong baseline on labelled MSMT17; tested on Market-1501, which is not
# seen.
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/256x128.py',
    '../_base_/backbones/r50.py',
    '../_base_/methods/baseline.py',
    '../_base_/schedules/baseline.py',
]

_d = _base_._domains
model = dict(
    **_base_._encoder,
    id_head=dict(max_classes=1041),
    triplet=dict(margin=0.3))
train_dataloader = dict(
    dataset=dict(domains=[dict(_d.msmt17, role='labelled')]))
val_dataloader = dict(dataset=dict(domains=[_d.market1501]))
test_dataloader = val_dataloader
# The evaluated and saved model is an average over iterations; two lines:
custom_hooks = [
    dict(type='EMAHook', momentum=0.001, update_buffers=True),
]
