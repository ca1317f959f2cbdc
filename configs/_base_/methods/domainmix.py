# DomainMix with the repairs of docs/en/methods/domainmix.md: equal loss
# weights in both phases. A recipe sets id_head.max_classes: labelled
# identities + unlabelled images // smallest cluster.
_base_ = '../default_runtime.py'

model = dict(
    type='DomainMix',
    id_head=dict(type='IdentityHead'),
    triplet=dict(type='BatchHardTripletLoss'),
    domain_head=dict(type='DomainBalanceHead'))
default_hooks = dict(
    pseudo_labels=dict(
        type='PseudoLabelHook',
        clustering=dict(
            k1=30, k2=6, eps=0.6, eps_gap=0.02, min_samples=4, min_size=5)),
    phases=dict(
        type='DomainMixPhaseHook',
        phases=[
            dict(begin=0),
            dict(begin=20, discriminator_interval=10),
        ]))
find_unused_parameters = True
