# The quick start: toy data, a narrow ResNet-18 from scratch, minutes on a CPU.
_base_ = [
    '../_base_/domains.py',
    '../_base_/pipelines/128x64.py',
    '../_base_/backbones/r18_x0_25.py',
    '../_base_/methods/domainmix.py',
    '../_base_/schedules/cpu_two_optimizers.py',
]

_d = _base_._domains
model = dict(
    **_base_._encoder,
    id_head=dict(max_classes=200 + 6000 // 5),
    domain_head=dict(hidden_channels=(128, 64)))
train_dataloader = dict(
    batch_sampler=dict(quotas='equal', iters_per_epoch=150),
    dataset=dict(domains=[
        dict(_d.toy_synthetic, role='labelled'),
        dict(_d.toy_real_a, role='unlabelled'),
    ]))
val_dataloader = dict(dataset=dict(domains=[_d.toy_unseen]))
test_dataloader = val_dataloader
default_hooks = dict(
    pseudo_labels=dict(
        # Features of an untrained network can not be clustered.
        begin=4,
        # 24 images per identity: shorter neighbour lists, closer clusters.
        clustering=dict(k1=20, eps=0.45)),
    phases=dict(phases=[
        dict(begin=0),
        dict(begin=4, discriminator_interval=10),
    ]))
