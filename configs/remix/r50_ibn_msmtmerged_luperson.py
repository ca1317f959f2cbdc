# Labelled MSMT17 with all its parts joined (126,441 images, 4,101 people),
# videos of LUPerson; tested on Market-1501, which is not seen.
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/two_views_256x128.py',
    '../_base_/backbones/r50_ibn.py',
    '../_base_/methods/remix.py',
    '../_base_/schedules/remix.py',
]

_d = _base_._domains
model = dict(**_base_._encoder)
train_dataloader = dict(
    # Long epochs: their start, which embeds what is labelled and drawn, is
    # then a small part of them.
    batch_sampler=dict(quotas='equal', iters_per_epoch=2000),
    dataset=dict(domains=[
        dict(_d.msmt17_merged, role='labelled'),
        dict(_d.luperson, role='unlabelled'),
    ]))
val_dataloader = dict(dataset=dict(domains=[_d.market1501]))
test_dataloader = val_dataloader
# A pass over 126,441 images would take a quarter of each epoch.
default_hooks = dict(pseudo_labels=dict(num_workers=4, refresh='online'))
