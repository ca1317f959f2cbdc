# DAAM: attention behind the last stage; the first epochs see the source only.
# A recipe sets id_head.max_classes: labelled identities + unlabelled images
# // smallest cluster.
_base_ = '../default_runtime.py'

model = dict(
    type='DAAM',
    attention=dict(type='DAAMNeck'),
    specific_head=dict(type='DomainSpecificHead'),
    id_head=dict(type='IdentityHead'),
    triplet=dict(type='BatchHardTripletLoss'),
    similarity=dict(type='HypersphereLoss'),
    target=dict(type='SoftLabelLoss'),
    loss_weights=dict(similarity=0.1, specific=0.1))
default_hooks = dict(
    pseudo_labels=dict(
        type='PseudoLabelHook',
        clustering=dict(k1=30, k2=6, eps=0.6, min_samples=4),
        begin=20))
find_unused_parameters = True
