# With domain adaptive attention.
_base_ = './r50_personx_msmt.py'

model = dict(
    attention=dict(type='DAAMNeck', in_channels=2048),
    specific_head=dict(type='DomainSpecificHead'),
    loss_weights=dict(specific=0.1))
