_base_ = [
    '../_base_/models/r50.py',
    '../_base_/datasets/personx_msmt17.py',
    '../_base_/schedules/domainmix_fixed.py',
]

model = dict(
    type='DomainMix',
    # Labelled identities + unlabelled images // smallest cluster.
    id_head=dict(
        type='IdentityHead', in_channels=2048,
        max_classes=410 + 32621 // 5),
    triplet=dict(type='BatchHardTripletLoss'),
    domain_head=dict(type='DomainBalanceHead', in_channels=2048))
default_hooks = dict(pseudo_labels=dict(pipeline=_base_.test_pipeline))
