# Real images on a CPU without any checkpoint: a narrow ResNet-18 from scratch
# on labelled toy pedestrians and unlabelled Market-1501 images; tested on
# PKU-Reid, which is not seen, and on held-out identities of Market-1501.
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/160x80.py',
    '../_base_/backbones/r18_x0_25.py',
    '../_base_/methods/domainmix.py',
    '../_base_/schedules/cpu_two_optimizers.py',
]

_d = _base_._domains
model = dict(
    **_base_._encoder,
    id_head=dict(max_classes=200 + 10679 // 5),
    domain_head=dict(hidden_channels=(128, 64)))
train_dataloader = dict(
    batch_sampler=dict(quotas='equal', iters_per_epoch=150),
    dataset=dict(domains=[
        dict(_d.toy_synthetic, role='labelled'),
        dict(_d.market1501_dev, role='unlabelled'),
    ]))
val_dataloader = dict(dataset=dict(domains=[_d.pku_reid, _d.market1501_dev]))
test_dataloader = val_dataloader
default_hooks = dict(
    pseudo_labels=dict(
        # Features of an untrained network can not be clustered.
        begin=4,
        clustering=dict(eps=0.5)),
    phases=dict(phases=[
        dict(begin=0),
        dict(begin=4, discriminator_interval=10),
    ]))
