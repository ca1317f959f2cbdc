# With domain adaptive attention.
_base_ = './r50_personx_msmt.py'

model = dict(
    attention=dict(type='DAAMNeck'),
    specific_head=dict(type='DomainSpecificHead'),
    loss_weights=dict(specific=0.1))
