# As the released code behaves; see docs/en/methods/domainmix.md.
# Labelled PersonX, unlabelled MSMT17; tested on Market-1501, which is not
# seen.
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/256x128.py',
    '../_base_/backbones/r50_ibn.py',
    '../_base_/methods/domainmix_released.py',
    '../_base_/schedules/domainmix_released.py',
]

_d = _base_._domains
model = dict(**_base_._encoder, id_head=dict(max_classes=410 + 32621 // 5))
train_dataloader = dict(
    # one pool of all identities
    batch_sampler=dict(iters_per_epoch=2000),
    dataset=dict(domains=[
        dict(_d.personx, role='labelled'),
        dict(_d.msmt17, role='unlabelled'),
    ]))
val_dataloader = dict(dataset=dict(domains=[_d.market1501]))
test_dataloader = val_dataloader
