# As own_data, for images of which some have labels: a loss more, and less of
# the start in the trained weights.
_base_ = './own_data.py'

_mine = dict(type='Domain', data_root='data/mine')
model = dict(triplet=dict(type='BatchHardTripletLoss'))
train_dataloader = dict(dataset=dict(domains=[dict(_mine, role='labelled')]))
default_hooks = dict(start_share=dict(share=0.5))
