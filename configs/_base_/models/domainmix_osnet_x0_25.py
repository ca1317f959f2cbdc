# DomainMix on OSNet x0.25, with a discriminator of its size.
_base_ = ['./osnet_x0_25.py']

model = dict(
    type='DomainMix',
    # max_classes is set where the domains are known: labelled identities +
    # unlabelled images // smallest cluster.
    id_head=dict(type='IdentityHead', in_channels=512),
    triplet=dict(type='BatchHardTripletLoss'),
    domain_head=dict(
        type='DomainBalanceHead',
        in_channels=512,
        hidden_channels=(256, 128)))
