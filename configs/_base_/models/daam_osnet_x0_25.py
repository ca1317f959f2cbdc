# DAAM on OSNet x0.25: the last map has 128 channels, the embedding 512.
_base_ = ['./osnet_x0_25.py']

model = dict(
    type='DAAM',
    attention=dict(type='DAAMNeck', in_channels=128),
    specific_head=dict(type='DomainSpecificHead'),
    # max_classes is set where the domains are known.
    id_head=dict(type='IdentityHead', in_channels=512),
    triplet=dict(type='BatchHardTripletLoss'),
    similarity=dict(type='HypersphereLoss', in_channels=512),
    target=dict(type='SoftLabelLoss'),
    loss_weights=dict(similarity=0.1, specific=0.1))
