# DAAM on ResNet-50: attention behind the last stage.
_base_ = ['./r50.py']

model = dict(
    type='DAAM',
    attention=dict(type='DAAMNeck', in_channels=2048),
    specific_head=dict(type='DomainSpecificHead'),
    # max_classes is set where the domains are known.
    id_head=dict(type='IdentityHead', in_channels=2048),
    triplet=dict(type='BatchHardTripletLoss', margin=0.3),
    similarity=dict(type='HypersphereLoss', in_channels=2048),
    target=dict(type='SoftLabelLoss'),
    loss_weights=dict(similarity=0.1, specific=0.1))
