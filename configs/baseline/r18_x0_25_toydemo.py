# The small model of the search page: trained on toy pedestrians in the cameras
# of its gallery, on people who are not in it, in minutes on a CPU. The people
# held out (calibration) give the thresholds, the gallery shows others.
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/128x64.py',
    '../_base_/backbones/r18_x0_25.py',
    '../_base_/methods/baseline.py',
    '../_base_/schedules/cpu.py',
]

_people = _base_._domains.toy_people
model = dict(**_base_._encoder, id_head=dict(max_classes=150))
train_dataloader = dict(
    batch_sampler=dict(iters_per_epoch=100),
    dataset=dict(domains=[dict(_people, role='labelled')]))
val_dataloader = dict(dataset=dict(domains=[_people]))
test_dataloader = val_dataloader

_warm_up, _cosine = _base_.param_scheduler
param_scheduler = [_warm_up, dict(_cosine, end=4)]
train_cfg = dict(max_epochs=4)
