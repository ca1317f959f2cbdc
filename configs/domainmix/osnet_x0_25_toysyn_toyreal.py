# The quick start: toy data, OSNet x0.25 from scratch, minutes on a CPU.
_base_ = [
    '../_base_/models/osnet_x0_25.py',
    '../_base_/datasets/toysyn_toyreal.py',
    '../_base_/schedules/domainmix_cpu.py'
]

model = dict(
    type='DomainMix',
    # Labelled identities + unlabelled images // smallest cluster.
    id_head=dict(
        type='IdentityHead', in_channels=512, max_classes=200 + 6000 // 5),
    triplet=dict(type='BatchHardTripletLoss'),
    domain_head=dict(
        type='DomainBalanceHead',
        in_channels=512,
        hidden_channels=(256, 128)))
default_hooks = dict(pseudo_labels=dict(pipeline=_base_.test_pipeline))
