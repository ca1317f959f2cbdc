# DomainMix on ResNet-50, recipe `fixed`.
_base_ = ['./r50.py']

model = dict(
    type='DomainMix',
    # max_classes is set where the domains are known: labelled identities +
    # unlabelled images // smallest cluster.
    id_head=dict(type='IdentityHead', in_channels=2048),
    triplet=dict(type='BatchHardTripletLoss'),
    domain_head=dict(type='DomainBalanceHead', in_channels=2048))
