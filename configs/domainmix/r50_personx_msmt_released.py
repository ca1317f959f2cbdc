# As the released code behaves; see docs/en/methods/domainmix.md.
_base_ = [
    '../_base_/models/r50.py',
    '../_base_/datasets/personx_msmt17.py',
    '../_base_/schedules/domainmix_released.py',
]

model = dict(
    type='DomainMix',
    # Labelled identities + unlabelled images // smallest cluster.
    id_head=dict(
        type='IdentityHead',
        in_channels=2048,
        max_classes=410 + 32621 // 5,
        loss=dict(type='IdentityLoss', temperature=2.0)),
    triplet=dict(type='BatchHardTripletLoss'),
    domain_head=dict(
        type='DomainBalanceHead', in_channels=2048, temperature=2.0),
    labelled_below='released',
    centroid_scale='unit',
    bn_group_size=16)
default_hooks = dict(pseudo_labels=dict(pipeline=_base_.test_pipeline))
train_dataloader = dict(
    batch_sampler=dict(quotas=None, iters_per_epoch=2000))
