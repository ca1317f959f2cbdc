# With domain adaptive attention.
_base_ = './r18_x0_25_toysyn_toyreal.py'

model = dict(
    attention=dict(type='DAAMNeck'),
    specific_head=dict(type='DomainSpecificHead'),
    loss_weights=dict(specific=0.1))
