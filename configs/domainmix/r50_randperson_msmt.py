# Labelled RandPerson, unlabelled MSMT17; tested on Market-1501, which is not
# seen.
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/256x128.py',
    '../_base_/backbones/r50.py',
    '../_base_/methods/domainmix.py',
    '../_base_/schedules/domainmix.py',
]

_d = _base_._domains
model = dict(**_base_._encoder, id_head=dict(max_classes=8000 + 32621 // 5))
train_dataloader = dict(
    batch_sampler=dict(quotas='equal'),
    dataset=dict(domains=[
        dict(_d.randperson, role='labelled'),
        dict(_d.msmt17, role='unlabelled'),
    ]))
val_dataloader = dict(dataset=dict(domains=[_d.market1501]))
test_dataloader = val_dataloader
